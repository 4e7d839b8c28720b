// The snippets of the quickstart, the adapters page and the encryption page, run as their readers run them, with paths put in.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type StoreOptions } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let folder: string;
let before: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-quickstart-"));
  before = process.cwd();
  process.chdir(folder);
});

afterEach(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true, force: true });
});

describe("the quickstart", () => {
  test("basic CRUD", async () => {
    const store = await createStore({ name: "my-app", adapter: "sqlite", path: "./data/my-app.db" });
    await store.records.put("users/alice", { name: "Alice", role: "admin" });
    const alice = await store.records.get("users/alice");
    const users = await store.records.list("users/");
    await store.records.delete("users/alice");

    expect(alice).toEqual({ name: "Alice", role: "admin" });
    expect(users).toEqual([{ key: "users/alice", value: { name: "Alice", role: "admin" } }]);
    expect(await store.records.get("users/alice")).toBeUndefined();
    await store.close();
  });

  test("the default adapter is sqlite and the data is there after opening again", async () => {
    const first = await createStore({ name: "my-app" });
    await first.records.put("users/alice", { name: "Alice" });
    await first.close();
    const second = await createStore({ name: "my-app", adapter: "sqlite", path: "./data/my-app.db" });
    const seen: unknown[] = [];
    for await (const { key, value } of second.records.list("users/")) seen.push([key, value]);
    expect(seen).toEqual([["users/alice", { name: "Alice" }]]);
    await second.close();
  });

  test("encryption: a key is made on first use, kept, exported, imported and rotated", async () => {
    const options = { name: "my-app", adapter: "sqlite", path: "./data/my-app.db", encrypt: true, keyStorage: "file" } as const;
    const store = await createStore(options);
    await store.records.put("users/alice", { name: "Alice", role: "admin" });
    const exportedKey = await store.crypto.exportKey();
    await store.close();

    const again = await createStore(options);
    expect(await again.records.get("users/alice")).toEqual({ name: "Alice", role: "admin" });
    await again.close();
    await rm("./data/my-app.db.key");

    const moved = await createStore({ ...options, key: exportedKey });
    expect(await moved.records.get("users/alice")).toEqual({ name: "Alice", role: "admin" });
    await (await moved.crypto.rotateKey()).done;
    expect(await moved.records.get("users/alice")).toEqual({ name: "Alice", role: "admin" });
    await moved.close();
    expect(await readdir("./data")).toContain("my-app.db.key");
  });
});

describe("an adapter of one's own", () => {
  test("four methods are enough; list may give an async iterable, an iterable, or a promise of either", async () => {
    for (const shape of ["async", "array", "generator"] as const) {
      const rows = new Map<string, unknown>();
      const myAdapter: PersistAdapter = {
        async get(key: string) {
          return rows.get(key);
        },
        async put(key: string, value: unknown) {
          rows.set(key, JSON.parse(JSON.stringify(value)));
        },
        async delete(key: string) {
          rows.delete(key);
        },
        async list(prefix: string) {
          const found = [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value }));
          if (shape === "array") return found;
          if (shape === "generator") return found.values();
          return (async function* () {
            yield* found;
          })();
        },
      };
      for (const encrypt of [false, true]) {
        rows.clear();
        const store = await createStore({
          name: "my-app",
          adapter: myAdapter,
          encrypt,
          ...(encrypt ? { keyFile: "./my.key", keyStorage: "file" as const } : {}),
        });
        await store.records.put("users/bob", { name: "Bob" });
        await store.records.put("users/alice", { name: "Alice" });
        await store.kv.put("theme", "dark");
        await store.blobs.put("logo", new Uint8Array(100_000).fill(7));
        expect(await store.records.get("users/alice")).toEqual({ name: "Alice" });
        expect((await store.records.list("users/")).map(({ key }) => key)).toEqual(["users/alice", "users/bob"]);
        expect((await store.blobs.get("logo"))?.length).toBe(100_000);
        await expect(store.batch(() => undefined)).rejects.toMatchObject({ code: "unsupported" });
        await store.records.delete("users/bob");
        expect(await store.records.list("users/")).toHaveLength(1);
        expect(JSON.stringify([...rows]).includes("alice")).toBe(!encrypt);
        await store.close();
      }
      await rm("./my.key");
    }
  });
});

describe("what a later release brings", () => {
  const base = { name: "my-app" };
  test.each([
    ["sync", { ...base, adapter: "sqlite", sync: { remote: "postgres", strategy: "last-write-wins" } }],
    ["postgres", { ...base, adapter: "postgres", connection: { host: "localhost" } }],
    ["s3", { ...base, adapter: "s3", bucket: "b", region: "us-east-1" }],
    ["p2p", { ...base, adapter: "p2p", discovery: { method: "mdns", topic: "t" } }],
  ])("%s says that it is not in this release", async (_name, options) => {
    await expect(createStore(options as unknown as StoreOptions)).rejects.toMatchObject({ code: "unsupported_option" });
  });

  test("invites and sync status say so too", async () => {
    const store = await createStore({ ...base, adapter: "memory", encrypt: true });
    await expect(store.crypto.createInvite()).rejects.toMatchObject({ code: "unsupported_option" });
    await expect(store.crypto.acceptInvite("code")).rejects.toMatchObject({ code: "unsupported_option" });
    expect(() => store.sync.status()).toThrow(/not in this release/);
    await store.close();
  });
});
