// Every module of the kit keeps the module contract.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type CuittyModule, defineRoute } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { performance } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { type ConformanceOptions, moduleConformance } from "@cuitty/server-kit/testing";
import { Type } from "@sinclair/typebox";
import { afterAll, describe, expect, test } from "vitest";

// The child runs from source, as the tests do.
const childArgs = ["--conditions=@cuitty/source", "--import", "tsx"];

const suites = [
  moduleConformance({
    module: audit,
    childArgs,
    source: { specifier: "@cuitty/server-kit/audit", exportName: "audit" },
    event: (index) => ({ type: "audit", data: { actor: "alice", action: "secret.rotate", resource: `key-${index}` } }),
    examples: {
      audit: [{ actor: "alice@example.com", action: "secret.rotate", resource: "stripe.live_key", statusCode: 200, metadata: {} }],
    },
  }),
  moduleConformance({
    module: logs,
    childArgs,
    source: { specifier: "@cuitty/server-kit/logs", exportName: "logs" },
    event: (index) => ({ type: "log", data: { level: "info", message: `line ${index}` } }),
    examples: { log: [{ level: "info", message: "request processed", module: "api", fields: { requestId: "abc" } }] },
  }),
  moduleConformance({
    module: performance,
    childArgs,
    source: { specifier: "@cuitty/server-kit/performance", exportName: "performance" },
    event: (index) => ({ type: "performance", data: { service: "api", metric: "p99_latency", value: index, unit: "ms" } }),
    examples: { performance: [{ service: "api", metric: "p99_latency", value: 142.3, unit: "ms" }] },
  }),
  moduleConformance({
    module: repository,
    childArgs,
    source: { specifier: "@cuitty/server-kit/repository", exportName: "repository" },
    event: (index) => ({ type: "repository", data: { provider: "github", repo: "acme/api", branch: "main", commit: `ab${index}` } }),
    examples: { repository: [{ provider: "github", repo: "acme/api", branch: "main", commit: "ab12cd34", author: "alice" }] },
  }),
];

// The module of docs/server-kit.md as it stands there: with a table, and neither list nor stream.
const root = resolve(import.meta.dirname, "../../..");
const page = await readFile(join(root, "docs/server-kit.md"), "utf8");
const [, documented] = /\/\/ module\.ts\n([\s\S]*?)\nconst kit = /.exec(page) ?? [];
// Inside the workspace, so that the packages resolve; the folder is ignored by git.
await mkdir(join(root, ".tmp"), { recursive: true });
const folder = await mkdtemp(join(root, ".tmp/conformance-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
await writeFile(join(folder, "package.json"), '{ "type": "module" }');
await writeFile(join(folder, "notes.ts"), `${documented}\nexport const makeNotes = () => notes;\n`);
const specifier = pathToFileURL(join(folder, "notes.ts")).href;
const { makeNotes } = (await import(/* @vite-ignore */ specifier)) as { makeNotes: () => CuittyModule };

const notes: ConformanceOptions = {
  module: makeNotes,
  childArgs,
  source: { specifier, exportName: "makeNotes" },
  event: (index) => ({ type: "note", data: { text: `note ${index}` } }),
};

for (const { name, run } of [...suites, moduleConformance(notes)].flat()) test(name, run);

describe("a module that does not keep the contract, or that the suite cannot read, fails", () => {
  const source = { topic: "notes", page: async () => [], range: async () => ({ oldestSeq: 0, newestSeq: 0 }) };
  const second = { version: 2, name: "more", statements: ["CREATE TABLE more (id TEXT, project_id TEXT) STRICT"] };
  const list = defineRoute({
    method: "GET",
    path: "/events",
    operationId: "listNotes",
    summary: "s",
    action: "read",
    query: Type.Object({ limit: Type.Optional(Type.Integer()) }),
    reply: Type.Array(Type.String()),
    handle: async () => [],
  });
  const changed = (change: Partial<CuittyModule>, options: Partial<ConformanceOptions> = {}) =>
    moduleConformance({ ...notes, module: () => ({ ...makeNotes(), ...change }), ...options });
  const fewer: CuittyModule["ingest"] = (events, context) => makeNotes().ingest(events.slice(1), context);

  test.each<[string, ReturnType<typeof changed>, RegExp, RegExp]>([
    ["an event that is not stored", changed({ ingest: fewer }), /sent twice is stored once/, /strictly deep-equal/],
    ["a backup of nothing", changed({ ingest: () => ({ statements: [] }) }), /backup restored/, /50/],
    ["a stream of nothing", changed({ streams: [source] }), /the stream has every event/, /expected every event in a stream/],
    ["two tables", changed({ migrations: [...makeNotes().migrations, second] }), /sent twice/, /got more, notes; .*option table/],
    ["a table that is not there", changed({}, { table: "note" }), /sent twice/, /named note, got none/],
    ["a list of another shape", changed({ routes: [list] }), /pages of the list/, /expected a reply \{ events, nextCursor \}/],
    ["a list that is not there", changed({}, { listPath: "/all" }), /pages of the list/, /expected a list at .*\/all, got status 404/],
    ["examples of nothing", changed({}, { examples: {} }), /examples are accepted/, /got none/],
    ["no example of a type", changed({}, { examples: { note: [] } }), /examples are accepted/, /examples of note, got none/],
    ["a wrong event", changed({}, { event: () => ({ type: "note", data: {} }) }), /examples are accepted/, /data\.text/],
  ])("%s", async (_case, cases, name, message) => {
    const found = cases.find((one) => name.test(one.name));
    await expect(found?.run()).rejects.toThrow(message);
  });

  test("a table that is named among several is read", async () => {
    const cases = changed({ migrations: [...makeNotes().migrations, second] }, { table: "notes" });
    await cases.find(({ name }) => name.includes("sent twice"))?.run();
  });
});
