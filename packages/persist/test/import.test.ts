// Importing into a store that is in use, from sources of every kind.
import { createStore, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";

let store: Store;
beforeEach(async () => {
  store = await createStore({ name: "import", adapter: "memory" });
});
afterEach(() => store.close());

const head = '{"cuitty":"persist-export","version":1}';

/** An export of those lines, the last one counting the others. */
function exportOf(...lines: unknown[]): string[] {
  return [head, ...lines.map((line) => JSON.stringify(line)), JSON.stringify({ type: "end", lines: lines.length + 1 })].map(
    (line) => `${line}\n`,
  );
}

/** Resolves when the source is asked for its last line, and gives that when told to. */
function held(lines: readonly string[]) {
  let reached!: () => void;
  let go!: () => void;
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const mayGo = new Promise<void>((resolve) => {
    go = resolve;
  });
  async function* source(): AsyncGenerator<string> {
    yield* lines.slice(0, -1);
    reached();
    await mayGo;
    yield lines.at(-1)!;
  }
  return { source: source(), isReached, go };
}

test("what the app writes or deletes while an import runs is kept with existing keep", async () => {
  const lines = exportOf(
    { type: "record", key: "note", value: "old" },
    { type: "record", key: "other", value: "old" },
    { type: "kv", key: "setting", value: "old" },
  );
  const { source, isReached, go } = held(lines);
  const importing = store.import(source, { existing: "keep" });
  await isReached;
  await store.records.put("note", "new");
  const written = store.kv.put("setting", "new");
  go();
  expect(await importing).toEqual({ records: 1, kv: 0, events: 0, blobs: 0, kept: 2 });
  await written;
  expect([await store.records.get("note"), await store.records.get("other"), await store.kv.get("setting")]).toEqual(["new", "old", "new"]);
});

test("what is written while the import looks whether a key is there is kept too", async () => {
  const rows = new Map<string, string>();
  let onRead: (() => void) | undefined;
  const slow = await createStore({
    name: "slow",
    adapter: {
      async get(key) {
        const row = rows.get(key);
        onRead?.();
        onRead = undefined;
        return row === undefined ? undefined : JSON.parse(row);
      },
      put: async (key, value) => void rows.set(key, JSON.stringify(value)),
      delete: async (key) => rows.delete(key),
      list: async (prefix) => [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, row]) => ({ key, value: JSON.parse(row) })),
    },
  });
  let written: Promise<void> | undefined;
  onRead = () => {
    written = slow.records.put("note", "new");
  };
  const text = exportOf({ type: "record", key: "note", value: "old" }).join("");
  expect((await slow.import(text, { existing: "keep" })).kept).toBe(1);
  await written;
  expect(await slow.records.get("note")).toBe("new");
  await slow.close();
});

test("a blob the app is putting while it is imported is kept", async () => {
  const lines = exportOf({ type: "blob", key: "logo", size: 3 }, { type: "chunk", data: "AAAA" });
  const app = held(["n", "ew"]);
  const bytes = (async function* () {
    for await (const part of app.source) yield new TextEncoder().encode(part);
  })();
  const putting = store.blobs.put("logo", bytes);
  await app.isReached;
  const importing = store.import(lines, { existing: "keep" });
  app.go();
  expect(await importing).toMatchObject({ blobs: 0, kept: 1 });
  await putting;
  expect(new TextDecoder().decode(await store.blobs.get("logo"))).toBe("new");
});

test("a key that comes twice is there the second time", async () => {
  const lines = exportOf({ type: "record", key: "a", value: 1 }, { type: "record", key: "a", value: 2 });
  expect(await store.import(lines, { existing: "keep" })).toMatchObject({ records: 1, kept: 1 });
  expect(await store.records.get("a")).toBe(1);
});
