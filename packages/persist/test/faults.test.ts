// A disk that is full, a file that cannot be written, a file that is damaged: typed errors, nothing half, and life afterwards.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type Store } from "@cuitty/persist";
import { openFile, type StorageFile } from "@cuitty/storage/file";
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let folder: string;
let path: string;
let store: Store;
/** The store's own connection: opens of one path in one process share it, so SQLite itself can be limited. */
let file: StorageFile;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-faults-"));
  path = join(folder, "store.db");
  store = await createStore({ name: "faults", path, encrypt: true, keyStorage: "file" });
  file = await openFile({ path, kind: 0x43555053 });
});
afterEach(async () => {
  await file.close();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (isCuittyError(error) ? error.code : String(error)),
  );

describe("a full disk", () => {
  test("fails the writes that do not fit with `full`, keeps what was acknowledged, and takes writes again when there is room", async () => {
    const pages = Number(file.get("PRAGMA page_count")![0]);
    file.driver.exec(`PRAGMA max_page_count = ${pages + 20}`);
    const stored: number[] = [];
    for (let i = 0; i < 100; i++) {
      const code = await codeOf(store.records.put(`k${i}`, "x".repeat(3_000)));
      if (code === "none") stored.push(i);
      else expect(code).toBe("full");
    }
    expect(stored.length).toBeGreaterThan(3);
    expect(stored.length).toBeLessThan(100);
    expect(await codeOf(store.batch((batch) => Array.from({ length: 20 }, (_, i) => batch.records.put(`b${i}`, "x".repeat(3_000)))))).toBe(
      "full",
    );
    expect(await codeOf(store.blobs.put("blob", new Uint8Array(500_000)))).toBe("full");
    expect((await store.records.list()).map(({ key }) => key)).toEqual(stored.map((i) => `k${i}`).sort());
    expect(await store.blobs.get("blob")).toBeUndefined();
    file.driver.exec("PRAGMA max_page_count = 1000000");
    await store.records.put("after", 1);
    await store.blobs.put("blob", new Uint8Array(500_000));
    expect(await store.records.get("after")).toBe(1);
    expect((await file.doctor()).problems).toEqual([]);
  });
});

describe("a file that cannot be written", () => {
  test("fails writes with `readonly`, still reads, and recovers", async () => {
    await store.records.put("a", 1);
    file.driver.exec("PRAGMA query_only = ON");
    expect(await codeOf(store.records.put("a", 2))).toBe("readonly");
    expect(await codeOf(store.crypto.rotateKey())).toBe("readonly");
    expect(await store.records.get("a")).toBe(1);
    file.driver.exec("PRAGMA query_only = OFF");
    await store.records.put("a", 3);
    expect(await store.records.get("a")).toBe(3);
    expect(store.crypto.status().epoch).toBe(1);
    await (await store.crypto.rotateKey()).done;
    expect(await store.records.get("a")).toBe(3);
  });
});

describe("a damaged file", () => {
  test("any damaged byte of the file is either harmless or a typed error, never a wrong value", async () => {
    for (let i = 0; i < 60; i++) await store.records.put(`k${i}`, { i, text: "t".repeat(200) });
    await file.close();
    await store.close();
    const good = readFileSync(path);
    const seen = new Set<string>();
    for (let at = 4_100; at < good.length; at += 997) {
      const handle = openSync(path, "r+");
      writeSync(handle, good, 0, good.length, 0);
      writeSync(handle, Buffer.from([good[at]! ^ 0x20]), 0, 1, at);
      closeSync(handle);
      let damaged: Store | undefined;
      const code = await codeOf(
        (async () => {
          damaged = await createStore({ name: "faults", path, encrypt: true, keyStorage: "file" });
          for (let i = 0; i < 60; i++) {
            const value = await damaged.records.get<{ i: number }>(`k${i}`);
            if (value !== undefined) expect(value).toEqual({ i, text: "t".repeat(200) });
          }
        })(),
      );
      await damaged?.close();
      seen.add(code);
    }
    for (const code of seen)
      expect(["none", "tampered", "corrupt", "wrong_key", "key_missing", "newer_format", "io", "sql"]).toContain(code);
    expect(seen.has("tampered")).toBe(true);
    const handle = openSync(path, "r+");
    writeSync(handle, good, 0, good.length, 0);
    closeSync(handle);
  });
});
