// Edges of what a store takes, and what it says of what it does not take.
import fs from "node:fs";
import { createStore, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { realPlace } from "../src/adapters/sqlite-place.ts";

let store: Store;
beforeEach(async () => {
  store = await createStore({ name: "edges", adapter: "memory" });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await store.close();
});

test("a key has at most 64 segments, also where all of them are empty", async () => {
  await store.records.put("/".repeat(63), 1);
  await expect(store.records.put("/".repeat(64), 1)).rejects.toMatchObject({ code: "invalid_key", message: expect.stringContaining("65") });
});

describe("a value that throws when it is looked at is value_not_json", () => {
  const thrower = (trap: string) =>
    new Proxy(
      { a: 1 },
      {
        [trap]: () => {
          throw new Error("no");
        },
      },
    );
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  test.each<[string, unknown]>([
    ["its keys", thrower("ownKeys")],
    ["its prototype", { inner: thrower("getPrototypeOf") }],
    ["its properties", [thrower("getOwnPropertyDescriptor")]],
    ["its reading", thrower("get")],
    ["a revoked one", revoked.proxy],
  ])("%s", async (_name, value) => {
    await expect(store.records.put("a", value)).rejects.toMatchObject({ code: "value_not_json" });
  });
});

test("64 hexadecimal digits as a key are told which forms a key has", async () => {
  const opening = createStore({ name: "hex", adapter: memoryAdapter(), encrypt: true, keyStorage: "none", key: "ab".repeat(32) });
  await expect(opening).rejects.toMatchObject({
    code: "key_invalid",
    message: expect.stringMatching(/32 bytes.*exported key.*recovery code/),
  });
});

test("a row whose epoch was changed is tampered, not a reason to look for a key", async () => {
  const adapter = memoryAdapter();
  const options = { name: "epoch", adapter, encrypt: true, keyStorage: "none", key: new Uint8Array(32).fill(1) } as const;
  const first = await createStore(options);
  await first.records.put("a", 1);
  await first.close();
  for (const { key, value } of await adapter.range!({ prefix: "", limit: 10 })) {
    if (!(value instanceof Uint8Array)) continue;
    const changed = value.slice();
    changed[8]! ^= 4;
    await adapter.put(key, changed);
  }
  const again = await createStore(options);
  await expect(again.records.get("a")).rejects.toMatchObject({ code: "tampered" });
  await again.close();
});

test.each(["ENOENT", "EROFS"])("a new folder on a read-only file system is readonly, where the system says %s", (code) => {
  const failing = (errno: string) => () => {
    throw Object.assign(new Error(errno), { code: errno });
  };
  vi.spyOn(fs, "mkdirSync").mockImplementation(failing(code));
  vi.spyOn(fs, "accessSync").mockImplementation(failing("EROFS"));
  expect(() => realPlace("/nowhere/at/all/a.db")).toThrow(expect.objectContaining({ code: "readonly" }));
});
