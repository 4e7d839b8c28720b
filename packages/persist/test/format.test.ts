// Formats: one step a transaction, a failed step leaves the format before it, a newer format is refused untouched.
import { createStore, type PersistAdapter } from "@cuitty/persist";
import { expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { assertKnownFormat, type FormatStep, migrateFormat } from "../src/core/format.ts";

const rename: FormatStep = {
  name: "rename old rows",
  run: async (adapter) => {
    const rows = await adapter.range!({ prefix: "old/", limit: 100 });
    return rows.flatMap(({ key, value }) => [
      { type: "delete" as const, key },
      { type: "put" as const, key: key.replace("old/", "new/"), value },
    ]);
  },
};
const stamp: FormatStep = { name: "stamp", run: async () => [{ type: "put", key: "stamp", value: "3" }] };
const manifestOp = async (format: number) => ({ type: "put" as const, key: "format", value: String(format) });

async function filled(): Promise<PersistAdapter> {
  const adapter = memoryAdapter();
  await adapter.put("old/a", "1");
  await adapter.put("format", "1");
  return adapter;
}

test("every missing step runs, in order, each in one batch with its format number", async () => {
  const adapter = await filled();
  const batches: number[] = [];
  const spied: PersistAdapter = {
    ...adapter,
    batch: async (ops) => {
      batches.push(ops.length);
      await adapter.batch!(ops);
    },
  };
  await migrateFormat({ adapter: spied, from: 1, steps: [rename, stamp], manifestOp });
  expect(batches).toEqual([3, 2]);
  expect([await adapter.get("new/a"), await adapter.get("old/a"), await adapter.get("stamp"), await adapter.get("format")]).toEqual([
    "1",
    undefined,
    "3",
    "3",
  ]);
  await migrateFormat({ adapter: spied, from: 3, steps: [rename, stamp], manifestOp });
  expect(batches).toHaveLength(2);
});

test("a step that fails is named, and the next opening runs it again", async () => {
  const adapter = await filled();
  const failing: FormatStep = { name: "explode", run: () => Promise.reject(new Error("power cut")) };
  await expect(migrateFormat({ adapter, from: 1, steps: [rename, failing], manifestOp })).rejects.toMatchObject({
    code: "migration_failed",
    message: expect.stringContaining("explode"),
  });
  expect([await adapter.get("format"), await adapter.get("new/a")]).toEqual(["2", "1"]);
  await migrateFormat({ adapter, from: 2, steps: [rename, stamp], manifestOp });
  expect(await adapter.get("format")).toBe("3");
});

test("a newer format is refused and nothing is written", async () => {
  expect(() => assertKnownFormat(2, 1)).toThrow(/format 2, this release reads up to 1/);
  for (const encrypt of [false, true]) {
    const adapter = { ...memoryAdapter(), close: undefined };
    const options = encrypt ? ({ encrypt, key: new Uint8Array(32), keyStorage: "none" } as const) : {};
    await (await createStore({ name: "f", adapter, ...options })).close();
    const manifest = JSON.parse((await adapter.get("meta/manifest")) as string) as object;
    await adapter.put("meta/manifest", JSON.stringify({ ...manifest, format: 99 }));
    const before = JSON.stringify(await adapter.range!({ prefix: "", limit: 10 }));
    await expect(createStore({ name: "f", adapter, ...options })).rejects.toMatchObject({
      code: "newer_format",
      details: { format: 99, supported: 1 },
    });
    expect(JSON.stringify(await adapter.range!({ prefix: "", limit: 10 }))).toBe(before);
  }
});

const manifest = { cuitty: "persist", format: 1, storeId: "0123456789abcdef".repeat(2), encrypted: false };

test.each([
  { ...manifest, format: 0 },
  { ...manifest, format: -1 },
  { ...manifest, format: 1.5 },
  { ...manifest, format: "1" },
  { ...manifest, storeId: [manifest.storeId] },
  { ...manifest, storeId: undefined },
  [manifest],
  "persist",
])("a manifest that says %j is a damaged one", async (value) => {
  const adapter = memoryAdapter();
  await adapter.put("meta/manifest", JSON.stringify(value));
  await expect(createStore({ name: "n", adapter })).rejects.toMatchObject({ code: "corrupt" });
  expect(await adapter.get("meta/manifest")).toBe(JSON.stringify(value));
});
