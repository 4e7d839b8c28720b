// Opening and closing a kit: wrong options end in one clear line, a second owner is refused, close waits.
import { chmod, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServerKit, defineModule, type ServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { nodeHandler, serve } from "@cuitty/server-kit/node";
import { open } from "@cuitty/storage/sqlite";
import { isCuittyError } from "@cuitty/wire-protocol";
import { Type } from "@sinclair/typebox";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { auditEvent, sendEvents, startKit } from "./running-kit.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "cuitty-config-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const failure = async (options: unknown): Promise<{ code: string; message: string }> => {
  const error = await createServerKit(options as never).then(
    async (kit) => {
      await kit.close();
      return new Error("it opened");
    },
    (reason: unknown) => reason,
  );
  if (!isCuittyError(error)) throw error;
  expect(error.message).not.toContain("\n");
  return error;
};

describe("wrong options", () => {
  test.each([
    [{ modules: [] }, "invalid_option", /dataDir/],
    [{ dataDir: "x", modules: "audit" }, "invalid_option", /modules/],
    [{ dataDir: "x", modules: ["audit"] }, "invalid_module", /got "audit"/],
    [{ dataDir: "x", modules: [{ name: "Bad Name" }] }, "invalid_module", /Bad Name/],
    [{ dataDir: "x", modules: [], dataDirectory: "y" }, "unknown_option", /"dataDirectory".*dataDir/],
    [{ dataDir: "x", modules: [], basePath: "kit/" }, "invalid_option", /basePath/],
    [{ dataDir: "x", modules: [], maxInFlight: -1 }, "invalid_option", /maxInFlight/],
    [{ dataDir: "x", modules: [audit()], retentionDays: { logs: 1 } }, "invalid_option", /logs/],
    [{ dataDir: "x", modules: [], limits: { eventPerSecond: 1 } }, "unknown_option", /"limits.eventPerSecond".*eventsPerSecond/],
    [{ dataDir: "x", modules: [], limits: { batchBytes: "5 MiB" } }, "invalid_option", /limits\.batchBytes/],
    [{ dataDir: "x", modules: [], limits: 5 }, "invalid_option", /limits/],
    [{ dataDir: "x", modules: [logs()], locations: { logs: { url: "logs.db" } } }, "invalid_option", /locations\.logs\.url.*libsql:/],
    [{ dataDir: "x", modules: [logs()], locations: { logs: { url: "file:///tmp/logs.db" } } }, "invalid_option", /locations\.logs\.url/],
    [{ dataDir: "x", modules: [], authorizer: {} }, "invalid_option", /authorizer.*authorize and list/],
    [{ dataDir: "x", modules: [], rateStore: {} }, "invalid_option", /rateStore.*take/],
    [{ dataDir: "x", modules: [], bus: null }, "invalid_option", /bus.*publish and subscribe/],
    [{ dataDir: "x", modules: [], tracer: "on" }, "invalid_option", /tracer.*start/],
    [{ dataDir: "x", modules: [], clock: 5 }, "invalid_option", /clock to be a function, got number/],
    [{ dataDir: "x", modules: [], environment: null }, "invalid_option", /environment/],
    [{ dataDir: "x", modules: [], streams: { maxStream: 1 } }, "unknown_option", /"streams.maxStream".*maxStreams/],
    [{ dataDir: "x", modules: [], streams: { heartbeatMs: 0 } }, "invalid_option", /streams\.heartbeatMs.*at least 1/],
    [{ dataDir: "x", modules: [], streams: { pollMs: Number.NaN } }, "invalid_option", /streams\.pollMs/],
  ])("%j is %s", async (options, code, message) => {
    const error = await failure(options);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("two modules for one event type, and the same module twice, are refused", async () => {
    expect((await failure({ dataDir, modules: [audit(), audit()] })).code).toBe("invalid_module");
    const twin = defineModule({ ...logs(), name: "logs2" });
    expect((await failure({ dataDir, modules: [logs(), twin] })).code).toBe("duplicate_event_type");
  });

  test("two modules for one topic are refused", async () => {
    const twin = defineModule({ ...logs(), name: "logs2", accepts: {} });
    const error = await failure({ dataDir, modules: [logs(), twin] });
    expect([error.code, error.message]).toEqual(["invalid_module", "Expected one module for the topic logs, got logs and logs2"]);
  });

  const route = { ...logs().routes[0], path: "/mine", operationId: "mine" };
  test.each<[object, RegExp]>([
    [{ name: "kit" }, /"kit"/],
    [{ migrations: [{ version: 1, name: "a", sql: "CREATE TABLE a (b)" }] }, /entry 0 in migrations of module mine: expected statements/],
    [
      { migrations: [{ version: "1", name: "a", statements: [] }] },
      /entry 0 in migrations of module mine: expected version: a whole number from 1, got "1"/,
    ],
    [{ routes: [{ ...route, path: "mine" }] }, /entry 0 in routes of module mine: expected path: .*got "mine"/],
    [{ routes: [{ ...route, path: "/stream" }] }, /entry 0 in routes of module mine: expected path: another than "\/stream"/],
    [{ routes: [route, { ...route, method: "PUT" }] }, /entry 1 in routes of module mine: expected method: .*got "PUT"/],
    [{ routes: [{ ...route, action: "zap" }] }, /entry 0 in routes of module mine: expected action/],
    [{ routes: [{ ...route, reply: undefined }] }, /entry 0 in routes of module mine: expected reply/],
    [{ routes: [{ ...route, handle: undefined }] }, /entry 0 in routes of module mine: expected handle: a function/],
    [
      { retention: [{ table: "logs_events", column: "received_at", days: -1 }] },
      /entry 0 in retention of module mine: expected days: .*got -1/,
    ],
    [{ jobs: [{ name: "sweep", everyMs: 0, run: async () => undefined }] }, /entry 0 in jobs of module mine: expected everyMs: .*got 0/],
    [{ jobs: "sweep" }, /jobs of module mine to be a list/],
    [{ streams: [{ topic: "a b", page: () => [], range: () => ({}) }] }, /entry 0 in streams of module mine: expected topic/],
    [{ retention: [{ table: "logs_event", column: "received_at", days: 1 }] }, /column logs_event.received_at/],
    [{ accepts: { note: { type: "object" } } }, /type note in accepts of module mine: plain JSON Schema cannot be checked/],
    [{ accepts: { note: Type.Unsafe({ type: "object" }) } }, /type note in accepts of module mine: Type.Unsafe around plain JSON Schema/],
    [
      { accepts: { note: Type.Object({ u: Type.String({ format: "isbn" }) }) } },
      /in accepts of module mine: u: format "isbn" is not known/,
    ],
    [{ accepts: { note: null } }, /type note in accepts of module mine: expected a schema of TypeBox, got null/],
    ...["notes", "/metrics", "/", "/apis/x", "/api//x", "/api/../x", "/api/x//", "/api/{id}", "/api/a b", 42, null].map(
      (basePath) => [{ basePath }, /basePath of module mine to be a path below \/api/] as [object, RegExp],
    ),
    ...["/a b", "/é", "/..", "/a/./b", "/x{id}", "/{id}.json", "/{}"].map(
      (path) => [{ routes: [{ ...route, path }] }, /expected path: "\/" and a name or a \{parameter\}/] as [object, RegExp],
    ),
    [{ routes: [{ ...route, path: "/{id}/{id}" }] }, /expected path: each parameter once/],
    [
      { routes: [{ ...route, path: "/{id}", params: Type.Object({ key: Type.String() }) }] },
      /expected params: names that path has, got key/,
    ],
    [{ routes: [{ ...route, reply: Type.Object({ at: Type.Date() }) }] }, /expected reply: a schema that can be .*; at: JSON has no Date/],
    [{ routes: [{ ...route, query: Type.Object({ u: Type.String({ format: "isbn" }) }) }] }, /expected query: .*; u: format "isbn" is not/],
    [{ routes: [{ ...route, method: "POST", body: { type: "object" } }] }, /expected body: .*; plain JSON Schema cannot be checked/],
    [{ streams: [null] }, /entry 0 in streams of module mine: expected an object, got null/],
  ])("a module with %j is invalid_module", async (change, message) => {
    const error = await failure({ dataDir, modules: [{ ...logs(), name: "mine", ...change }] });
    expect(error.code).toBe("invalid_module");
    expect(error.message).toMatch(message);
  });

  const mine = (change: object) => ({ ...logs(), name: "mine", accepts: {}, streams: [], routes: [route], ...change });
  test.each<[readonly unknown[], RegExp]>([
    [
      [mine({ basePath: "/api", routes: [{ ...route, path: "/health" }] })],
      /path \/api\/health, got the kit itself and mine of module mine/,
    ],
    [[mine({ basePath: "/api/", routes: [{ ...route, path: "/ingest", method: "POST" }] })], /path \/api\/ingest, got the kit itself/],
    [[mine({ basePath: "/api", streams: logs().streams })], /path \/api\/stream, got the kit itself and the stream of module mine/],
    [
      [mine({ basePath: "/api/modules", routes: [{ ...route, path: "/logs/stream" }] }), logs()],
      /got the stream of module logs and mine of module mine/,
    ],
    [[mine({ basePath: "/api/x", streams: logs().streams }), { ...audit(), basePath: "/api/x/" }], /path \/api\/x\/stream/],
    ...["ingest", "stream", "getHealth", "getOpenApi", "createStreamTicket"].map(
      (operationId) =>
        [
          [mine({ routes: [{ ...route, operationId }] })],
          new RegExp(`operationId ${operationId}, got the kit itself and ${operationId} of`),
        ] as [readonly unknown[], RegExp],
    ),
    [[mine({ routes: [{ ...route, operationId: "streamLogs" }] }), logs()], /operationId streamLogs, got the stream of module logs/],
    [
      [mine({ routes: [{ ...route, operationId: "listKeys" }] })],
      /operationId listKeys, got listKeys of the kit itself and listKeys of module mine/,
    ],
    [
      [mine({ basePath: "/api/projects", routes: [{ ...route, path: "/{x}" }] })],
      /GET \/api\/projects\/\{\}, got getProject of the kit itself/,
    ],
    [[mine({}), { ...mine({}), name: "other" }], /operationId mine, got mine of module mine and mine of module other/],
  ])("%#: what the kit or another module has already is a route_conflict that names both", async (modules, message) => {
    const error = await failure({ dataDir, modules });
    expect(error.code).toBe("route_conflict");
    expect(error.message).toMatch(message);
  });

  test("a base path with a slash at its end is the same as without", async () => {
    for (const basePath of ["/api/mine", "/api/mine/"]) {
      const running = await startKit({ modules: [mine({ basePath, streams: logs().streams })] });
      const statusOf = async (path: string) => {
        const response = await fetch(running.url + path, { headers: { authorization: `Bearer ${running.apiKey}` } });
        await response.body?.cancel();
        return response.status;
      };
      expect([await statusOf("/api/mine/mine"), await statusOf("/api/mine/stream")]).toEqual([200, 200]);
      expect(Object.keys((running.kit.openapi() as { paths: object }).paths)).toEqual(
        expect.arrayContaining(["/api/mine/mine", "/api/mine/stream"]),
      );
      await running.close();
    }
  });

  test("a folder that cannot be made or written is one clear line", async () => {
    await writeFile(join(dataDir, "file"), "");
    for (const folder of ["/proc/nothing/here", join(dataDir, "file"), join(dataDir, "file", "below")]) {
      const error = await failure({ dataDir: folder, modules: [audit()] });
      expect(error.code).toBe("data_dir_not_writable");
      expect(error.message).toContain(`the folder ${folder} (E`);
    }
    const deep = await createServerKit({ dataDir: join(dataDir, "a", "b", "c"), modules: [], environment: {} });
    await deep.close();
  });

  test("a wrong master key or a readable key file is refused", async () => {
    expect((await failure({ dataDir, modules: [], masterKey: "short" })).code).toBe("invalid_master_key");
    const kit = await createServerKit({ dataDir, modules: [], environment: {} });
    await kit.close();
    expect((await stat(join(dataDir, "master.key"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, "system.db"))).mode & 0o077).toBe(0);
    await chmod(join(dataDir, "master.key"), 0o644);
    expect((await failure({ dataDir, modules: [], environment: {} })).code).toBe("insecure_key_file");
  });

  test("a master key that did not seal what is stored, or that is gone, is refused and none is made", async () => {
    const keyFile = join(dataDir, "master.key");
    const first = await createServerKit({ dataDir, modules: [logs()], environment: {} });
    const { projectId, apiKey } = await first.bootstrap({ email: "ops@example.com", organization: "Acme" });
    await first.close();
    const other = "11".repeat(32);
    for (const options of [{ masterKey: other }, { environment: { CUITTY_MASTER_KEY: other } }]) {
      const error = await failure({ dataDir, modules: [logs()], environment: {}, ...options });
      expect(error.code).toBe("invalid_master_key");
      expect(error.message).toMatch(/masterKey/i);
      expect(error.message).not.toContain(other);
    }
    await rename(keyFile, `${keyFile}.away`);
    const lost = await failure({ dataDir, modules: [logs()], environment: {} });
    expect([lost.code, lost.message]).toEqual(["invalid_master_key", expect.stringContaining(`${keyFile} is not there`)]);
    await expect(stat(keyFile)).rejects.toMatchObject({ code: "ENOENT" });

    // What the message says for a key that is lost for good.
    const { driver, close } = open(join(dataDir, "system.db"));
    driver.prepare("DELETE FROM project_secrets").run([]);
    close();
    const fresh = await createServerKit({ dataDir, modules: [logs()], environment: {} });
    const rotate = new Request(`http://kit.test/api/projects/${projectId}/secret/rotate`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect((await fresh.fetch(rotate)).status).toBe(201);
    await fresh.close();
    const again = await createServerKit({ dataDir, modules: [logs()], environment: {} });
    await again.close();
  });

  test("limits of the environment must be numbers", async () => {
    const environment = { INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "many" };
    expect((await failure({ dataDir, modules: [], environment })).message).toContain("INGEST_RATE_LIMIT_EVENTS_PER_SECOND");
  });
});

describe("ownership", () => {
  test("a second kit on the same folder is refused and names the first; after close the folder is free", async () => {
    const first = await createServerKit({ dataDir, modules: [audit()], environment: {} });
    const error = await failure({ dataDir, modules: [audit()], environment: {} });
    expect(error.code).toBe("data_dir_in_use");
    expect(error.message).toContain(String(process.pid));
    await first.close();
    const second = await createServerKit({ dataDir, modules: [audit()], environment: {} });
    await second.close();
  });
});

describe("close", () => {
  test("waits for what is under way, then answers 503, and may be called again", async () => {
    const running = await startKit();
    const sending = Array.from({ length: 20 }, (_, index) => sendEvents(running, [auditEvent(`a${index}`)]));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const closing = running.kit.close();
    const statuses = (await Promise.all(sending)).map(({ status }) => status);
    await closing;
    expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
    expect((await sendEvents(running, [auditEvent()])).status).toBe(503);
    await running.close();
  });

  test("what was answered with 200 before the close is there afterwards", async () => {
    const running = await startKit({ dataDir });
    const replies = await Promise.all(Array.from({ length: 30 }, (_, index) => sendEvents(running, [auditEvent(`a${index}`)])));
    const accepted = replies.filter(({ status }) => status === 200).length;
    await running.close();
    const again = (await createServerKit({ dataDir, modules: [audit(), logs()], environment: {} })) as ServerKit;
    expect(await again.eventIds("audit", running.projectId)).toHaveLength(accepted);
    await again.close();
  });
});

test("what is mounted before it is there is told at once", async () => {
  const promised = createServerKit({ dataDir, modules: [] });
  const mounts = [(kit: never) => mountKit(new Hono(), kit), kitMiddleware, nodeHandler] as ((kit: never) => unknown)[];
  for (const mount of mounts) {
    expect(() => mount(promised as never)).toThrow(/got a promise: write `await createServerKit/);
    expect(() => mount(undefined as never)).toThrow(/Expected a kit to mount/);
  }
  await expect(serve(promised as never, { port: 0 })).rejects.toMatchObject({ code: "invalid_option" });
  const kit = await promised;
  expect(kit.isBootstrapped).toBe(false);
  await kit.bootstrap({ email: "ops@example.com", organization: "Acme" });
  expect(kit.isBootstrapped).toBe(true);
  await kit.close();
});
