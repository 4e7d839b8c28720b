// Blobs of two stores on one place, without locks that hold for both: what a put has acknowledged is there.
import "fake-indexeddb/auto";
import { createStore, type Store } from "@cuitty/persist";
import { expect, test, vi } from "vitest";
import { pausing } from "./support/pausing.ts";
import { allPlaces, type Opener } from "./support/shared-places.ts";

const chunk = 65_536;
const rounds = 40;
const bytesOf = (seed: number, size = 1_000) => new Uint8Array(size).fill(seed);

async function openTwo(open: Opener): Promise<[Store, Store]> {
  // A page that is not served over https has no Web Locks.
  vi.stubGlobal("navigator", undefined);
  const stores = [await createStore({ name: "s", adapter: await open() }), await createStore({ name: "s", adapter: await open() })];
  vi.unstubAllGlobals();
  return stores as [Store, Store];
}

test.each(allPlaces)("on %s, equal bytes that two stores put and delete at once stay whole", async (_name, openerOf) => {
  const stores = await openTwo(openerOf());
  const work = async (store: Store, who: string) => {
    for (let round = 0; round < rounds; round++) {
      for (const seed of [0, 1]) {
        const key = `${who}${seed}`;
        await store.blobs.put(key, bytesOf(seed));
        expect([...(await store.blobs.get(key))!]).toEqual([...bytesOf(seed)]);
        if (Math.random() < 0.5) await store.blobs.delete(key);
      }
    }
    await store.blobs.put(`${who}/last`, bytesOf(0));
  };
  await Promise.all(stores.map((store, i) => work(store, `store${i}`)));
  for (const { key, value } of await stores[0].blobs.list()) expect((await stores[1].blobs.get(key))?.length).toBe(value.size);
  await Promise.all(stores.map((store) => store.close()));
});

test.each(allPlaces)("on %s, a put whose key another store puts meanwhile is either whole or told so", async (_name, openerOf) => {
  const [one, two] = await openTwo(openerOf());
  const large = bytesOf(1, 40 * chunk);
  const { source, isReached, go } = pausing(large.subarray(0, 20 * chunk), large.subarray(20 * chunk));
  const first = one.blobs.put("big", source);
  const told = expect(first).rejects.toMatchObject({ code: "conflict", retryable: true });
  await isReached;
  await two.blobs.put("big", bytesOf(2, 40 * chunk));
  go();
  await told;
  expect(Buffer.compare((await one.blobs.get("big"))!, bytesOf(2, 40 * chunk))).toBe(0);
  await one.blobs.put("big", large);
  expect(Buffer.compare((await two.blobs.get("big"))!, large)).toBe(0);
  await Promise.all([one.close(), two.close()]);
});

test.each(allPlaces)("on %s, of two stores that take up one upload the later one has it", async (_name, openerOf) => {
  const [one, two] = await openTwo(openerOf());
  const start = bytesOf(1, 16 * chunk);
  async function* failing() {
    yield start;
    throw new Error("offline");
  }
  await expect(one.blobs.put("big", failing())).rejects.toThrow("offline");
  const from = await one.blobs.uploadedBytes("big");
  const { source, isReached, go } = pausing(bytesOf(2, 16 * chunk), bytesOf(3, 16 * chunk));
  const first = one.blobs.put("big", source, { resume: true, from });
  const told = expect(first).rejects.toMatchObject({ code: "conflict" });
  await isReached;
  const second = pausing(bytesOf(4, 16 * chunk), bytesOf(5, 16 * chunk));
  const put = two.blobs.put("big", second.source, { resume: true, from: await two.blobs.uploadedBytes("big") });
  await second.isReached;
  go();
  await told;
  second.go();
  const { size } = await put;
  const blob = (await one.blobs.get("big"))!;
  expect(blob.length).toBe(size);
  expect([blob[0], blob.at(-16 * chunk - 1), blob.at(-1)]).toEqual([1, 4, 5]);
  await Promise.all([one.close(), two.close()]);
});
