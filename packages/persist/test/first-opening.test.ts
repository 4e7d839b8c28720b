// Two openings of a new store at once, where no lock holds for both: they get one store, and neither loses what it was told is stored.
import "fake-indexeddb/auto";
import { createStore, type PersistAdapter, type StoreOptions } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { mapAdapter } from "./support/map-adapter.ts";
import { sharedKeyFile } from "./support/shared-key.ts";
import { allPlaces } from "./support/shared-places.ts";

// A page that is not served over https has no Web Locks.
beforeEach(() => void vi.stubGlobal("navigator", undefined));
afterEach(() => void vi.unstubAllGlobals());

const rounds = 8;

const ways: [string, () => Omit<StoreOptions, "name">][] = [
  ["plain", () => ({})],
  ["with a key", () => ({ encrypt: true, keyStorage: "none", key: new Uint8Array(32).fill(1) })],
  ["with a key file", () => ((keyFile) => ({ encrypt: true, keyStorage: "file", keyFile }) as const)(sharedKeyFile())],
];

describe.each(ways)("%s", (_way, optionsOf) => {
  test.each(allPlaces)("on %s", async (_place, openerOf) => {
    for (let round = 0; round < rounds; round++) {
      const adapter = openerOf();
      const options = optionsOf();
      const open = async () => createStore({ name: "s", ...options, adapter: await adapter() });
      const keys = ["a", "b", "c"];
      const stores = await Promise.all(keys.map(open));
      await Promise.all(stores.map((store, i) => store.records.put(keys[i]!, i)));
      await Promise.all(stores.map((store) => store.close()));
      const again = await open();
      expect(await again.records.list()).toEqual(keys.map((key, value) => ({ key, value })));
      await again.close();
    }
  });
});

test("an opening that was slower opens the store as any other: with the wrong key it is refused", async () => {
  const adapter = { ...memoryAdapter(), close: undefined };
  const open = (seed: number) => createStore({ name: "s", adapter, encrypt: true, keyStorage: "none", key: new Uint8Array(32).fill(seed) });
  const ended = await Promise.allSettled([open(1), open(2)]);
  const failed = ended.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(failed.reason).toMatchObject({ code: "wrong_key" });
});

test("the system's time set forward by an hour in the middle of an opening holds nothing up", async () => {
  const inner = mapAdapter();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  try {
    const adapter: PersistAdapter = {
      ...inner,
      async put(key, value) {
        vi.setSystemTime(Date.now() + 3_600_000);
        await inner.put(key, value);
      },
    };
    const store = await createStore({ name: "s", adapter });
    await store.close();
  } finally {
    vi.useRealTimers();
  }
});
