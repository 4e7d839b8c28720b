// Several places that keep one store's key: each that has any is read, and all go on together.
import { expect, test } from "vitest";
import { createKeyRing, ringToText } from "../crypto/key-ring.ts";
import { loadProvider } from "../crypto/providers/provider.ts";
import { createKeyStorage, type KeyPlace, memoryKeyPlace } from "./key-storage.ts";
import { createRingStorage } from "./ring-storage.ts";

const storeId = new Uint8Array(16).fill(1);
const id = "01".repeat(16);
const ring = (...epochs: number[]) => createKeyRing(epochs.map((epoch) => [epoch, new Uint8Array(32).fill(epoch)]));

/** A keychain: it has nothing and takes nothing while it is locked. */
function lockable(): KeyPlace & { isLocked: boolean } {
  const inner = memoryKeyPlace();
  return {
    kind: "keychain",
    isLocked: false,
    async load(store) {
      return this.isLocked ? undefined : inner.load(store);
    },
    async update(store, change) {
      if (this.isLocked) throw new Error("locked");
      return inner.update(store, change);
    },
  };
}

async function setUp() {
  const provider = await loadProvider();
  const keychain = lockable();
  const file: KeyPlace = { ...memoryKeyPlace(), kind: "file" };
  const open = () => {
    const storage = createKeyStorage([keychain, file], "");
    return { storage, rings: createRingStorage({ provider, storage, storeId }) };
  };
  return { provider, keychain, file, open };
}

test("all places are read, a stale one before a newer one hides nothing, and the next save brings both up to date", async () => {
  const { provider, keychain, file, open } = await setUp();
  await open().rings.keep(ring(1), ring(1));
  keychain.isLocked = true;
  await open().rings.keep(ring(1, 2), ring(1));
  keychain.isLocked = false;
  const { storage, rings } = open();
  expect((await rings.load()).map(({ epochs }) => epochs)).toEqual([[1], [1, 2]]);
  expect(storage.kind).toBe("keychain");
  await rings.keep(ring(1, 2), ring(1, 2));
  for (const place of [keychain, file]) expect(await place.load(id)).toBe(await ringToText(provider, ring(1, 2)));
});

test("a place that cannot be written now does not stop the others; a key another tab saved first does", async () => {
  const { keychain, file, open } = await setUp();
  await keychain.update(id, async () => ringToText(await loadProvider(), ring(1)));
  await file.update(id, async () => ringToText(await loadProvider(), ring(1)));
  const { rings } = open();
  await rings.load();
  keychain.isLocked = true;
  expect(await rings.keep(ring(1, 2), ring(1))).toBe(true);
  keychain.isLocked = false;
  const other = createKeyRing([
    [1, new Uint8Array(32).fill(1)],
    [2, new Uint8Array(32).fill(9)],
  ]);
  expect(await rings.keep(ring(1, 2), ring(1, 2))).toBe(true);
  expect(await open().rings.keep(other, ring(1))).toBe(false);
});

test("text that is no key is passed by where another place has one", async () => {
  const { keychain, file, open } = await setUp();
  await keychain.update(id, async () => "garbage");
  await expect(open().rings.load()).rejects.toMatchObject({ code: "key_invalid" });
  await file.update(id, async () => ringToText(await loadProvider(), ring(1)));
  expect(await open().rings.load()).toHaveLength(1);
});
