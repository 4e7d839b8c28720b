// What TypeScript does not see: options that a function does not have, and values that they cannot be, are refused and never ignored.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFile } from "../file/open-file.ts";
import type { StorageFile } from "../file/types.ts";
import { HonkerEventTarget } from "../sqlite/event-target.ts";
import { open, type StorageClient } from "./open.ts";
import { acquireOwnerLease } from "./owner-lease.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-options-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const withCode = (code: string) => expect.objectContaining({ code });

test("open names an option that it does not have", () => {
  const path = join(folder, "a.db");
  expect(() => open(path, { busyTimeout: 5 } as never)).toThrow(withCode("unknown_option"));
  expect(() => open(path, { busyTimeout: 5 } as never)).toThrow(/busyTimeout: .*busyTimeoutMs/);
  expect(() => open(path, null as never)).toThrow(withCode("invalid_option"));
  open(path, { engine: "auto", maxReaders: 2, busyTimeoutMs: 5, synchronous: "NORMAL" }).close();
});

test.each([{ waitMs: -1 }, { waitMs: "a" }, { waitMs: Number.NaN }, { heartbeatMs: 0 }, { heartbeatMs: "5" }])(
  "an owner lease refuses %j",
  async (options) => {
    await expect(acquireOwnerLease(folder, options as never)).rejects.toMatchObject({ code: "invalid_option" });
  },
);

test("an owner lease refuses a folder that is none and an option that it does not have", async () => {
  for (const dir of ["", "a\0b", 5, undefined]) {
    await expect(acquireOwnerLease(dir as never)).rejects.toMatchObject({ code: "invalid_option" });
  }
  await expect(acquireOwnerLease(folder, { wait: 5 } as never)).rejects.toMatchObject({ code: "unknown_option" });
  const lease = await acquireOwnerLease(folder, { heartbeatMs: Number.POSITIVE_INFINITY });
  lease.release();
});

describe("a file", () => {
  let file: StorageFile;
  beforeEach(async () => {
    file = await openFile({ path: join(folder, "a.db") });
    await file.write(() => file.driver.exec("CREATE TABLE t (a)"));
  });
  afterEach(() => file.close());

  test("write refuses a body that is none and numbers that are none, in its promise", async () => {
    for (const body of [5, undefined, "x"]) await expect(file.write(body as never)).rejects.toMatchObject({ code: "invalid_option" });
    for (const options of [{ rows: -1 }, { rows: "5" }, { bytes: Number.NaN }, { signal: 5 }, { signal: null }]) {
      await expect(file.write(() => 1, options as never)).rejects.toMatchObject({ code: "invalid_option" });
    }
    expect(await file.write(() => 1, { rows: 0, bytes: 0, signal: new AbortController().signal })).toBe(1);
    expect(file.stats().queued).toBe(0);
  });

  test("all and get refuse what may write, and write nothing", () => {
    for (const sql of [
      "INSERT INTO t VALUES (1) RETURNING a",
      "DELETE FROM t",
      "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
      "BEGIN",
    ]) {
      expect(() => file.all(sql), sql).toThrow(withCode("sql"));
      expect(() => file.get(sql), sql).toThrow(withCode("sql"));
    }
    expect(file.driver.inTransaction).toBe(false);
    expect(file.all("SELECT * FROM t")).toEqual([]);
    expect(file.get("PRAGMA user_version")).toEqual([0]);
    expect(file.all("EXPLAIN SELECT 1").length).toBeGreaterThan(0);
  });
});

describe("notify", () => {
  let client: StorageClient;
  beforeEach(() => {
    client = open(join(folder, "a.db"));
  });
  afterEach(() => client.close());

  test.each([
    ["x", undefined],
    ["", 1],
    [5, 1],
    [undefined, 1],
    ["x", () => 1],
  ])("refuses (%j, %j), also in a transaction", (channel, payload) => {
    expect(() => client.notify(channel as never, payload)).toThrow(withCode("invalid_parameter"));
    expect(() => client.transaction((tx) => tx.notify(channel as never, payload))).toThrow(withCode("invalid_parameter"));
  });

  test("an event without a detail goes out with null", async () => {
    const target = new HonkerEventTarget(client);
    const heard = new Promise((done) => target.addEventListener("saved", (event: { detail: unknown }) => done(event.detail)));
    target.dispatchEvent({ type: "saved" });
    expect(await heard).toBe(null);
    target.close?.();
  });
});
