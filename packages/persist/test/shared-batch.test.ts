// Batches of several stores on one place: what a body read is what its changes are made of.
import "fake-indexeddb/auto";
import { createStore, type Store } from "@cuitty/persist";
import { expect, test } from "vitest";
import { sharedPlace } from "./support/shared-place.ts";
import { placesWithConditions } from "./support/shared-places.ts";

const secret = { encrypt: true, key: new Uint8Array(32).fill(4), keyStorage: "none" } as const;

const cases = placesWithConditions.flatMap(([name, openerOf]) => [false, true].map((encrypt) => [name, encrypt, openerOf] as const));

test.each(cases)("increments of three stores lose none on %s (encrypted: %s)", async (_name, encrypt, openerOf) => {
  const open = openerOf();
  const stores: Store[] = [];
  for (let i = 0; i < 3; i++) stores.push(await createStore({ name: "s", adapter: await open(), ...(encrypt ? secret : {}) }));
  const rounds = 20;
  const increment = (store: Store) =>
    store.batch(async (batch) => {
      const n = (await batch.records.get<number>("n")) ?? 0;
      batch.records.put("n", n + 1);
      batch.kv.put("n", ((await batch.kv.get<number>("n")) ?? 0) + 1);
      batch.events.append("log", n);
    });
  await Promise.all(
    stores.map(async (store) => {
      for (let i = 0; i < rounds; i++) await increment(store);
    }),
  );
  const total = stores.length * rounds;
  expect([await stores[0]!.records.get("n"), await stores[1]!.kv.get("n")]).toEqual([total, total]);
  expect((await stores[2]!.events.list("log")).map(({ data }) => data).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: total }, (_, i) => i),
  );
  await Promise.all(stores.map((store) => store.close()));
});

test("what another store writes, or deletes, after the body has read it makes the body run again", async () => {
  const open = sharedPlace({ hasConditions: true });
  const [one, two] = [await createStore({ name: "s", adapter: open() }), await createStore({ name: "s", adapter: open() })];
  await one.records.put("a", 1);
  const seen: unknown[] = [];
  await one.batch(async (batch) => {
    seen.push(await batch.records.get("a"), await batch.records.get("b"));
    if (seen.length === 2) await two.records.delete("a");
    if (seen.length === 4) await two.records.put("b", 2);
    batch.records.put("runs", seen.length / 2);
  });
  expect(seen).toEqual([1, undefined, undefined, undefined, undefined, 2]);
  expect(await two.records.get("runs")).toBe(3);
  await Promise.all([one.close(), two.close()]);
});
