// An iteration that is under way when its store closes: what was asked for before is given, what is asked for after it gets store_closed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type Store, type StoreOptions } from "@cuitty/persist";
import { afterAll, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { mapAdapter } from "./support/map-adapter.ts";

const folder = await mkdtemp(join(tmpdir(), "persist-late-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let number = 0;

const secret = { encrypt: true, key: new Uint8Array(32).fill(4), keyStorage: "none" } as const;

/** Throws what no store would when it is called after its end. */
function strict(inner: PersistAdapter): PersistAdapter {
  let isClosed = false;
  const checked = <A extends unknown[], R>(method: (...args: A) => R) => {
    return (...args: A): R => {
      if (isClosed) throw new Error("called after close");
      return method(...args);
    };
  };
  return {
    ...inner,
    get: checked(inner.get),
    list: checked(inner.list),
    ...(inner.range && { range: checked(inner.range) }),
    close: () => {
      isClosed = true;
    },
  };
}

const places: Record<string, () => Partial<StoreOptions>> = {
  sqlite: () => ({ path: join(folder, `${++number}.db`), durability: "normal" }),
  memory: () => ({ adapter: "memory" }),
  "an adapter with range": () => ({ adapter: strict(memoryAdapter()) }),
  "an adapter without range": () => ({ adapter: strict(mapAdapter()) }),
};

async function filled(options: Partial<StoreOptions>): Promise<Store> {
  const store = await createStore({ name: "late", ...options });
  await Promise.all(
    Array.from({ length: 600 }, (_, i) =>
      Promise.all([store.records.put(`k/${i}`, i), store.kv.put(`k/${i}`, i), store.events.append("log", i)]),
    ),
  );
  await store.blobs.put("blob", new Uint8Array(300_000));
  await store.blobs.put("other", new Uint8Array(300_000));
  return store;
}

function iterationsOf(store: Store): Record<string, AsyncIterator<unknown>> {
  return {
    records: store.records.list("k/")[Symbol.asyncIterator](),
    kv: store.kv.list("k/")[Symbol.asyncIterator](),
    events: store.events.list("log")[Symbol.asyncIterator](),
    blobs: store.blobs.list()[Symbol.asyncIterator](),
    export: store.export(),
  };
}

describe.each(Object.entries(places))("on %s", (_name, place) => {
  test.each([
    ["plain", {}],
    ["encrypted", secret],
  ])("%s", async (_kind, encryption) => {
    const store = await filled({ ...place(), ...encryption });
    const iterations = iterationsOf(store);
    for (const iteration of Object.values(iterations)) await iteration.next();
    const asked = Promise.all(Object.values(iterations).map((iteration) => iteration.next()));
    const closed = store.close();
    for (const [name, iteration] of Object.entries(iterations)) {
      await expect(iteration.next(), name).rejects.toMatchObject({ code: "store_closed" });
      await expect(iteration.next(), name).rejects.toMatchObject({ code: "store_closed" });
      await iteration.return?.();
    }
    expect((await asked).map(({ done }) => done)).toEqual([false, false, false, false, false]);
    await closed;
  });
});

test("a loop that closes its own store ends with store_closed", async () => {
  const store = await filled({ adapter: "memory" });
  const loop = async () => {
    for await (const _entry of store.records.list()) await store.close();
  };
  await expect(loop()).rejects.toMatchObject({ code: "store_closed" });
});
