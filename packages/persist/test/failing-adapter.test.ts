// What an adapter of an app's own throws or rejects with reaches the caller as a typed error.
import { createStore, type PersistAdapter } from "@cuitty/persist";
import { describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { mapAdapter } from "./support/map-adapter.ts";

const reasons: readonly unknown[] = [
  new Error("connection refused"),
  undefined,
  null,
  "text",
  Object.assign(new Error("reset"), { code: "ECONNRESET" }),
];
const makers: Record<string, () => PersistAdapter> = { "four methods": mapAdapter, "range and batch": memoryAdapter };
const secret = { encrypt: true, key: new Uint8Array(32).fill(7), keyStorage: "none" } as const;

/** Fails in the given way while `state.isFailing`. */
function failing(inner: PersistAdapter, state: { isFailing: boolean; reason: unknown; isSync: boolean }): PersistAdapter {
  const guarded =
    <A extends readonly unknown[], R>(method: (...args: A) => R) =>
    (...args: A): R => {
      if (!state.isFailing) return method(...args);
      if (state.isSync) throw state.reason;
      return Promise.reject(state.reason) as R;
    };
  return {
    ...inner,
    get: guarded(inner.get),
    put: guarded(inner.put),
    delete: guarded(inner.delete),
    list: guarded(inner.list),
    ...(inner.batch && { batch: guarded(inner.batch) }),
    ...(inner.range && { range: guarded(inner.range) }),
  };
}

describe.each(Object.entries(makers))("%s", (_name, make) => {
  test.each([
    { encrypt: false, isSync: false },
    { encrypt: false, isSync: true },
    { encrypt: true, isSync: false },
  ])("every failure is typed and has its cause: %j", async ({ encrypt, isSync }) => {
    const state = { isFailing: false, reason: undefined as unknown, isSync };
    const store = await createStore({ name: "failing", adapter: failing(make(), state), ...(encrypt ? secret : {}) });
    await store.records.put("a", 1);
    await store.blobs.put("b", "x");
    const reads = [
      () => store.records.get("a"),
      () => store.records.list(),
      () => store.kv.get("a"),
      () => store.kv.sweep(),
      () => store.events.list("log"),
      () => store.events.append("log", 1),
      () => store.blobs.get("b"),
      () =>
        store
          .export()
          .next()
          .then(() => store.export().next())
          .then(() => store.records.list()),
    ];
    const writes = [() => store.records.put("a", 2), () => store.kv.delete("a")];
    for (const reason of reasons) {
      Object.assign(state, { isFailing: true, reason });
      for (const [code, calls] of [
        ["read_failed", reads],
        ["write_failed", writes],
      ] as const) {
        for (const call of calls) {
          const error = await Promise.resolve(call()).then(
            () => "no error",
            (thrown: unknown) => thrown,
          );
          expect(error).toMatchObject({ name: "CuittyError", code, retryable: true });
          expect((error as Error).cause).toBe(reason);
        }
      }
    }
    state.isFailing = false;
    expect(await store.records.get("a")).toBe(1);
    await store.close();
  });
});

test.each([
  ["get rejects", { get: () => Promise.reject(new Error("refused")) }, "read_failed"],
  ["get rejects with nothing", { get: () => Promise.reject(undefined) }, "read_failed"],
  ["list rejects", { list: () => Promise.reject(new Error("refused")) }, "read_failed"],
  ["list gives nothing to iterate", { list: async () => 5 as unknown as [] }, "read_failed"],
  ["list gives something else than entries", { list: async () => [5, null, { value: 1 }] as unknown as [] }, "read_failed"],
  ["put rejects", { put: () => Promise.reject(new Error("refused")) }, "write_failed"],
] as const)("a store whose adapter's %s cannot be opened, with a typed error", async (_name, methods, code) => {
  const opening = createStore({ name: "failing", adapter: { ...mapAdapter(), ...methods } });
  await expect(opening).rejects.toMatchObject({ name: "CuittyError", code });
});

test("an adapter may be an object of a class with private fields", async () => {
  class Rows implements PersistAdapter {
    readonly #rows = new Map<string, string>();
    async get(key: string) {
      const row = this.#rows.get(key);
      return row === undefined ? undefined : (JSON.parse(row) as unknown);
    }
    async put(key: string, value: unknown) {
      this.#rows.set(key, JSON.stringify(value));
    }
    async delete(key: string) {
      this.#rows.delete(key);
    }
    async *list(prefix: string) {
      for (const [key, row] of this.#rows) if (key.startsWith(prefix)) yield { key, value: JSON.parse(row) as unknown };
    }
  }
  const store = await createStore({ name: "class", adapter: new Rows() });
  await store.records.put("a", 1);
  expect(await store.records.list()).toEqual([{ key: "a", value: 1 }]);
  await store.close();
});
