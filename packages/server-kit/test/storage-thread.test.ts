// The kit's files on a thread of their own, or in the app's: the same answers, and the same files.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, test } from "vitest";
import { audit } from "../src/modules/audit/audit.ts";
import { logs } from "../src/modules/logs/logs.ts";
import { type TestKit, testKit } from "../src/testing/test-kit.ts";

const events = (name: string) => [
  { type: "audit", ts: "2026-04-27T12:34:56Z", data: { actor: name, action: "login", resource: "app" } },
  { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: name } },
];

let other: TestKit | undefined;
let kit: TestKit;
beforeEach(async () => {
  kit = await testKit({ modules: [audit(), logs()] });
});
afterEach(async () => {
  await other?.close();
  other = undefined;
  await kit.close();
});

test("files are on a thread unless that is not wanted", async () => {
  expect(kit.kit.stats().storageThread).toBe(true);
  expect(await kit.ingest(events("a"), "key-number-1")).toMatchObject({ status: 200, accepted: 2 });
  await kit.reopen();
  expect(kit.kit.stats().storageThread).toBe(true);
  expect(await kit.ingest(events("a"), "key-number-1")).toMatchObject({ status: 200, accepted: 2 });
});

test.each([
  ["without a thread", { storageThread: false }],
  ["with one thread for all files", { storageThreads: 1 }],
])("%s: the same replies, replays and chain", async (_, options) => {
  other = await testKit({ modules: [audit(), logs()], ...options });
  expect(other.kit.stats().storageThread).toBe(!("storageThread" in options));
  for (const each of [kit, other]) {
    const first = await each.ingest(events("a"), "key-number-1");
    expect(first.text).toBe('{"accepted":2,"rejected":[]}');
    expect((await each.ingest(events("a"), "key-number-1")).text).toBe(first.text);
    expect((await each.ingest(events("b"), "key-number-1")).status).toBe(422);
    expect((await each.ingest([events("b")[1]], "key-number-1")).status).toBe(422);
    expect((await each.ingest(events("b"))).accepted).toBe(2);
    const list = (await each.get("/api/modules/audit/events")).body as { events: { data: { actor: string } }[] };
    expect(list.events.map(({ data }) => data.actor).sort()).toEqual(["a", "b"]);
  }
});

test("a file of the thread can be named; one that is not there is an error, not another thread", async () => {
  // As an app that ships as a bundle makes it, from a file that does nothing but import the thread.
  const file = join(import.meta.dirname, "../.tmp/bundled-thread.mjs");
  await build({
    stdin: { contents: 'import "@cuitty/server-kit/storage-thread";', resolveDir: import.meta.dirname },
    outfile: file,
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@cuitty/source"],
    external: ["libsql", "@libsql/*"],
  });
  other = await testKit({ modules: [audit(), logs()], storageThread: file });
  expect(other.kit.stats().storageThread).toBe(true);
  expect((await other.ingest(events("a"))).accepted).toBe(2);
  await expect(testKit({ modules: [logs()], storageThread: "./not-there.js" })).rejects.toMatchObject({ code: "thread_unavailable" });
  await writeFile(file, "");
  await expect(testKit({ modules: [logs()], storageThread: file })).rejects.toMatchObject({
    code: "thread_unavailable",
    message: expect.stringContaining("without calling hostModuleFiles"),
  });
  await expect(testKit({ modules: [logs()], storageThread: "" })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(testKit({ modules: [logs()], storageThreads: 0 })).rejects.toMatchObject({ code: "invalid_option" });
  await rm(file);
});
