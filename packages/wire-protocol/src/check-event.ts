// Checks one event from the wire: the first thing wrong with it in the documented words, or its parts ready for a module.
import type { TSchema } from "@sinclair/typebox";
import { compileSchema } from "./check/compile-schema.ts";
import { explainData } from "./check/explain.ts";
import { exactBytes, findOddValue, scanValue } from "./check/scan-value.ts";
import { dataSchemaFault } from "./check/schema-fault.ts";
import { knownKeysOf, type SplitData, splitData } from "./check/split-data.ts";
import { toWellFormedValue } from "./check/well-formed.ts";
import { CuittyError } from "./cuitty-error.ts";
import type { EventType } from "./event.ts";
import { EVENT_SCHEMAS } from "./events/all.ts";
import { LIMITS } from "./limits.ts";
import { parseTimestamp } from "./timestamp.ts";

export { knowFormats } from "./check/formats.ts";
export { dataSchemaFault, schemaFault } from "./check/schema-fault.ts";

/** Why an event was refused, for programs. `type_not_enabled` is the server's to give: the event is valid, its module is not there. */
export type RejectCode = "invalid" | "required" | "unknown_type" | "event_too_large" | "event_too_deep" | "type_not_enabled";

/** An event that may be stored. */
export interface AcceptedEvent<Type extends string = EventType> {
  readonly ok: true;
  readonly type: Type;
  /** RFC 3339 in UTC with milliseconds. */
  readonly ts: string;
  /** Units: Unix ms. */
  readonly tsMs: number;
  /** UUIDv7 in lower case; null when the event has none. */
  readonly id: string | null;
  /** The documented fields, the very object that was given when there are no others. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Fields of `data` that the schema does not know, as sent; null when there are none. */
  readonly meta: Readonly<Record<string, unknown>> | null;
}

/** The first thing that is wrong with an event. */
export interface RefusedEvent {
  readonly ok: false;
  /** `path: what was expected`, such as `data.actor: required`. */
  readonly reason: string;
  readonly code: RejectCode;
}

export interface CheckEventOptions {
  /** Wire type to the schema of its `data`. @default all 13 documented types */
  readonly schemas?: Readonly<Record<string, TSchema>> | undefined;
  /** Largest event as minimal JSON in UTF-8; never above `LIMITS.eventBytes`. Units: bytes. @default LIMITS.eventBytes */
  readonly maxBytes?: number | undefined;
  /** Levels of nesting in `data`, itself included; never above `LIMITS.jsonDepth`. @default LIMITS.jsonDepth */
  readonly maxDepth?: number | undefined;
  /** Whether `new Function` may be used. @default true where the runtime allows it */
  readonly canCompile?: boolean | undefined;
}

/** Checks one event. Never throws. */
export type EventChecker<Type extends string = EventType> = (value: unknown) => AcceptedEvent<Type> | RefusedEvent;

interface TypeChecker {
  readonly schema: TSchema;
  readonly isValid: (data: Record<string, unknown>) => boolean;
  /** Null: all of them. */
  readonly knownKeys: ReadonlySet<string> | null;
}

interface CheckerState {
  readonly typeChecker: (type: string) => TypeChecker | undefined;
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** What `type`, `ts`, `id` and their names take in an event, at most. */
const envelopeBytes = 160;

const maxPathCharacters = 200;

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * Makes a checker; schemas are compiled when their first event comes.
 * **Shape**: parsed JSON → accepted event, or the first thing wrong. The checker never throws, whatever it is given, and never changes it.
 * **Errors**: `invalid_schema` for one of `schemas` that cannot be checked.
 * **Order**: event, type, ts, id, data, depth, size, then the fields of `data` as the schema lists them.
 */
export function createEventChecker<Type extends string = EventType>(options: CheckEventOptions = {}): EventChecker<Type> {
  const schemas = new Map(Object.entries(options.schemas ?? EVENT_SCHEMAS));
  checkSchemas(options.schemas);
  const checkers = new Map<string, TypeChecker>();
  const state: CheckerState = {
    maxBytes: Math.min(options.maxBytes ?? LIMITS.eventBytes, LIMITS.eventBytes),
    maxDepth: Math.min(options.maxDepth ?? LIMITS.jsonDepth, LIMITS.jsonDepth),
    typeChecker(type) {
      let checker = checkers.get(type);
      const schema = checker === undefined ? schemas.get(type) : undefined;
      if (schema !== undefined) {
        checker = { schema, isValid: compileSchema(schema, options.canCompile), knownKeys: knownKeysOf(schema) };
        checkers.set(type, checker);
      }
      return checker;
    },
  };
  return (value) => {
    try {
      return checkParts(value, state) as AcceptedEvent<Type> | RefusedEvent;
    } catch {
      // Only a value that JSON cannot make comes here: a proxy, a getter that throws.
      return refuse("event: expected a JSON value", "invalid");
    }
  };
}

function checkSchemas(schemas: CheckEventOptions["schemas"] = {}): void {
  for (const [type, schema] of Object.entries(schemas)) {
    const fault = dataSchemaFault(schema);
    if (fault !== null)
      throw new CuittyError("invalid_schema", `Expected a schema that can be checked for events of type ${type}: ${fault}`);
  }
}

let defaultChecker: EventChecker | undefined;

/** Checks an event against the documented types and the default limits, or those given; to check many with other limits, make one checker. */
export function checkEvent(value: unknown, options?: CheckEventOptions): AcceptedEvent | RefusedEvent {
  if (options !== undefined) return createEventChecker(options)(value);
  defaultChecker ??= createEventChecker();
  return defaultChecker(value);
}

function checkParts(event: unknown, state: CheckerState): AcceptedEvent<string> | RefusedEvent {
  if (!isObject(event)) return refuse("event: expected an object", "invalid");
  const type = own(event, "type");
  if (typeof type !== "string") return type === undefined ? required("type") : refuse("type: expected a string", "invalid");
  const checker = state.typeChecker(type);
  if (checker === undefined) return refuse("type: unknown", "unknown_type");
  const ts = own(event, "ts");
  if (ts === undefined) return required("ts");
  const timestamp = typeof ts === "string" ? parseTimestamp(ts) : null;
  if (timestamp === null) return refuse("ts: expected an RFC 3339 timestamp", "invalid");
  const id = own(event, "id");
  if (id !== undefined && !(typeof id === "string" && uuidV7.test(id))) return refuse("id: expected a UUIDv7", "invalid");
  const data = own(event, "data");
  if (data === undefined) return required("data");
  if (!isObject(data)) return refuse("data: expected an object", "invalid");
  const checked = checkData({ type, ts, id, data }, checker, state);
  if ("ok" in checked) return checked;
  const { ts: utc, tsMs } = timestamp;
  return {
    ok: true,
    type,
    ts: utc,
    tsMs,
    id: id === undefined ? null : (id as string).toLowerCase(),
    data: checked.data,
    meta: checked.meta,
  };
}

interface EventParts {
  readonly type: string;
  readonly ts: unknown;
  readonly id: unknown;
  readonly data: Record<string, unknown>;
}

function checkData(event: EventParts, checker: TypeChecker, limits: CheckerState): SplitData | RefusedEvent {
  const given = event.data;
  const scan = scanValue(given, limits.maxDepth, limits.maxBytes);
  if (scan.isTooDeep) return refuse(`data: nested deeper than ${limits.maxDepth} levels`, "event_too_deep");
  if (scan.isTooLarge || (scan.mostBytes + envelopeBytes > limits.maxBytes && exactBytes(event) > limits.maxBytes)) {
    return refuse(`event: larger than ${limits.maxBytes} bytes`, "event_too_large");
  }
  // Inherited fields are not fields: an object that could have some is copied without them.
  let data = Object.getPrototypeOf(given) === Object.prototype ? given : { ...given };
  if (scan.isIllFormed) data = toWellFormedValue(data) as Record<string, unknown>;
  if (scan.hasOddValue || !checker.isValid(data)) {
    const problem = explainData(checker.schema, data) ?? findOddValue(data) ?? { path: "data", code: "invalid", expected: "a valid value" };
    return refuse(`${cutPath(problem.path)}: ${problem.code === "required" ? "required" : `expected ${problem.expected}`}`, problem.code);
  }
  return splitData(data, checker.knownKeys);
}

/** Keys are the sender's text, and a reason is told and stored: no more of them than shows the place. */
const cutPath = (path: string): string => path.slice(0, maxPathCharacters).replace(/[\uD800-\uDBFF]$/, "");

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function required(path: string): RefusedEvent {
  return refuse(`${path}: required`, "required");
}

function refuse(reason: string, code: RejectCode): RefusedEvent {
  return { ok: false, reason, code };
}
