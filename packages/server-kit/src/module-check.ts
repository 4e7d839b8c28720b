// What a module must look like, checked before any file is opened: a mistake is told where it is, not as an answer 500 of a later request.
import { CuittyError } from "@cuitty/wire-protocol";
import { dataSchemaFault, schemaFault } from "@cuitty/wire-protocol/check-event";
import { Kind, type TSchema } from "@sinclair/typebox";
import type { CuittyModule } from "./module.ts";
import { fieldsOf } from "./route-texts.ts";
import { isTopicName, topicSpelling } from "./sse/topic-name.ts";

const namePattern = /^[a-z][a-z0-9_]{0,39}$/;
/** Segments that a URL leaves as they are, and parameters. */
const pathPattern = /^(\/(?!\.{1,2}(?:\/|$))(?:\{[A-Za-z0-9_-]+\}|[A-Za-z0-9._~!$&'()*+,;=:@%-]+))*$/;
const methods = ["GET", "POST", "PATCH", "DELETE"];
const actions = ["ingest", "read", "keys", "admin"];
const statuses = [undefined, 200, 201, 204];
/** Names that stand for the kit's own files and calls. */
const takenNames = ["system", "kit"];
/** Paths below a module's base path that the kit answers itself. */
const takenPaths = ["/stream"];

type Fields = Readonly<Record<string, unknown>>;

/** Errors: `invalid_module`, naming what is wrong. */
export function checkModule(module: unknown): asserts module is CuittyModule {
  if (!isRecord(module) || typeof module.name !== "string") {
    const got = typeof module === "string" ? JSON.stringify(module) : typeof module;
    throw invalid(`Expected modules made by audit(), logs() or defineModule(), got ${got}`);
  }
  const { name } = module;
  if (!namePattern.test(name)) {
    throw invalid(`Expected a module name of a-z, 0-9 and _ that begins with a letter, got ${JSON.stringify(name)}`);
  }
  if (takenNames.includes(name)) throw invalid(`The name "${name}" is taken by the kit itself; choose another`);
  if (typeof module.ingest !== "function" || !isRecord(module.accepts))
    throw invalid(`Expected module ${name} to have accepts and ingest()`);
  for (const [type, schema] of Object.entries(module.accepts)) {
    const fault = dataSchemaFault(schema);
    if (fault !== null) throw invalid(`Wrong schema for events of type ${type} in accepts of module ${name}: ${fault}`);
  }
  if (!Array.isArray(module.migrations) || !Array.isArray(module.retention)) {
    throw invalid(`Expected module ${name} to have lists of migrations and of retention rules`);
  }
  checkBasePath(name, module.basePath);
  for (const [list, check] of Object.entries(checks)) checkList(`${list} of module ${name}`, module[list] ?? [], check);
  const jobs = ((module.jobs ?? []) as readonly Fields[]).map((job) => job.name);
  const twice = jobs.find((job, index) => jobs.indexOf(job) !== index);
  if (twice !== undefined) throw invalid(`Expected each job of module ${name} to have a name of its own, got ${shown(twice)} twice`);
}

/** Hosts hand the kit what is below /api, and nothing else. */
function checkBasePath(name: string, basePath: unknown): void {
  if (basePath === undefined) return;
  const path = typeof basePath === "string" ? basePath.replace(/(?<=.)\/$/, "") : "";
  const isBelowApi = path === "/api" || path.startsWith("/api/");
  if (isBelowApi && pathPattern.test(path) && !path.includes("{")) return;
  throw invalid(`Expected basePath of module ${name} to be a path below /api, such as /api/${name}, got ${shown(basePath)}`);
}

function checkList(what: string, items: unknown, check: (entry: Fields) => string | undefined): void {
  if (!Array.isArray(items)) throw invalid(`Expected ${what} to be a list, got ${typeof items}`);
  for (const [index, item] of items.entries()) {
    const wrong = isRecord(item) ? check(item) : `an object, got ${item === null ? "null" : typeof item}`;
    if (wrong !== undefined) throw invalid(`Wrong entry ${index} in ${what}: expected ${wrong}`);
  }
}

/** For each list of a module: what was expected of an entry that is wrong. */
const checks: Readonly<Record<string, (entry: Fields) => string | undefined>> = {
  migrations: ({ version, name, statements }) =>
    firstWrong([
      [Number.isSafeInteger(version) && (version as number) > 0, `version: a whole number from 1, got ${shown(version)}`],
      [isText(name), `name: a text, got ${shown(name)}`],
      [Array.isArray(statements) && statements.every(isText), "statements: a list of SQL texts"],
    ]),
  retention: ({ table, column, days, prune }) =>
    firstWrong([
      [isText(table), `table: a name, got ${shown(table)}`],
      [isText(column), `column: a name, got ${shown(column)}`],
      [typeof days === "number" && Number.isFinite(days) && days >= 0, `days: a number from 0, got ${shown(days)}`],
      [prune === undefined || typeof prune === "function", "prune: a function or nothing"],
    ]),
  routes: ({ method, path, operationId, action, params, query, body, reply, status, handle }) =>
    firstWrong([
      [isOneOf(methods, method), `method: one of ${methods.join(", ")}, got ${shown(method)}`],
      [typeof path === "string" && pathPattern.test(path), `path: "/" and a name or a {parameter}, as often as needed, got ${shown(path)}`],
      [!isOneOf(takenPaths, path), `path: another than ${shown(path)}, where the kit serves the module's stream`],
      [isText(operationId), `operationId: a text, got ${shown(operationId)}`],
      [isOneOf(actions, action), `action: one of ${actions.join(", ")}, got ${shown(action)}`],
      [isWithoutRepeat(parametersOf(path)), `path: each parameter once, got ${shown(path)}`],
      [isRecord(reply), "reply: the schema of what handle() returns"],
      ...Object.entries({ params, query, body, reply: hasNoBody(status, reply) ? undefined : reply }).map(([name, schema]) =>
        checkable(name, schema),
      ),
      [hasNames(params), "params: an object schema, or nothing"],
      [
        unknownNames(params, path).length === 0,
        `params: names that path has, got ${unknownNames(params, path).join(", ")} beside ${shown(path)}`,
      ],
      [hasNames(query), "query: an object schema, an intersection or a union of such, or nothing: its names are what is read from a URL"],
      [isOneOf(statuses, status), `status: 200, 201, 204 or nothing, got ${shown(status)}`],
      [typeof handle === "function", "handle: a function"],
    ]),
  streams: ({ topic, page, range }) =>
    firstWrong([
      [typeof topic === "string" && isTopicName(topic), `topic: ${topicSpelling}, got ${shown(topic)}`],
      [typeof page === "function" && typeof range === "function", "page and range: functions"],
    ]),
  jobs: ({ name, everyMs, run }) =>
    firstWrong([
      [isText(name), `name: a text, got ${shown(name)}`],
      [typeof everyMs === "number" && Number.isFinite(everyMs) && everyMs > 0, `everyMs: a number above 0, got ${shown(everyMs)}`],
      [typeof run === "function", "run: a function"],
    ]),
};

function firstWrong(rules: readonly (readonly [isRight: boolean, expected: string])[]): string | undefined {
  return rules.find(([isRight]) => !isRight)?.[1];
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function isOneOf(known: readonly unknown[], value: unknown): boolean {
  return known.includes(value);
}

function checkable(name: string, schema: unknown): readonly [isRight: boolean, expected: string] {
  const fault = schema === undefined ? null : schemaFault(schema);
  return [fault === null, `${name}: a schema that can be checked and documented; ${fault}`];
}

/** Nothing is sent then: a handler may return what JSON does not have. */
function hasNoBody(status: unknown, reply: unknown): boolean {
  return status === 204 && isRecord(reply) && isOneOf(["Void", "Undefined"], (reply as TSchema)[Kind]);
}

function parametersOf(path: unknown): readonly string[] {
  return Array.from(String(path).matchAll(/\{([^{}/]+)\}/g), ([, name]) => String(name));
}

function unknownNames(params: unknown, path: unknown): readonly string[] {
  const names = isRecord(params) ? (fieldsOf(params as TSchema)?.keys() ?? []) : [];
  return [...names].filter((name) => !parametersOf(path).includes(name));
}

const isWithoutRepeat = (names: readonly string[]): boolean => new Set(names).size === names.length;

function hasNames(schema: unknown): boolean {
  return schema === undefined || (isRecord(schema) && fieldsOf(schema as TSchema) !== null);
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function invalid(message: string): CuittyError {
  return new CuittyError("invalid_module", message);
}
