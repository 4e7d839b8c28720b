// A browser's key place: the key in IndexedDB, wrapped by a WebCrypto key that scripts can use but never read.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { isQuotaError, storageFull, transact, type When } from "../adapters/indexeddb-transaction.ts";
import { equalBytes, utf8, utf8ToText } from "../crypto/bytes.ts";
import type { KeyPlace } from "./key-storage.ts";

const databaseName = "cuitty-keys";
const storeName = "keys";

interface WrappedKey {
  readonly wrapping: CryptoKey;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

export function browserKeyPlace(): KeyPlace {
  return {
    kind: "indexeddb",
    async load(storeId) {
      assertSecure();
      return unwrap(await readKey(storeId), storeId);
    },
    async update(storeId, change) {
      assertSecure();
      for (;;) {
        const found = await readKey(storeId);
        // What nobody can read any more is no key: one that opens the store may take its place.
        const text = await change(await unwrap(found, storeId).catch(() => undefined));
        if (text === undefined) return false;
        if (await replaceKey(storeId, found, await wrap(text, storeId))) return true;
      }
    },
  };
}

/** Null when there is one whose CryptoKey cannot be read here. */
function readKey(storeId: string): Promise<WrappedKey | null | undefined> {
  return withStore("readonly", (store) => {
    const found = store.get(storeId) as IDBRequest<WrappedKey | null | undefined>;
    return () => found.result;
  });
}

/** False when another tab saved meanwhile: a nonce is never used twice, so it tells. */
function replaceKey(storeId: string, before: WrappedKey | null | undefined, next: WrappedKey): Promise<boolean> {
  return withStore("readwrite", (store, when) => {
    let isReplaced = false;
    when(store.get(storeId) as IDBRequest<WrappedKey | null | undefined>, (found) => {
      isReplaced = found && before ? equalBytes(found.nonce, before.nonce) : !found && !before;
      if (isReplaced) store.put(next, storeId);
    });
    return () => isReplaced;
  });
}

/** Browsers have WebCrypto only on pages nobody on the way can change. Errors: `unsupported`. */
function assertSecure(): void {
  if (globalThis.crypto?.subtle !== undefined) return;
  throw new CuittyError(
    "unsupported",
    'a key can be kept only in a secure context: serve the page over https or from localhost, or pass `key` with keyStorage "none"',
  );
}

async function unwrap(found: WrappedKey | null | undefined, storeId: string): Promise<string | undefined> {
  if (found === undefined) return undefined;
  if (found === null) throw new CuittyError("key_storage_failed", `the key kept in IndexedDB cannot be read; ${sharedWorkers}`);
  try {
    const bytes = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: found.nonce, additionalData: context(storeId) },
      found.wrapping,
      found.sealed,
    );
    return utf8ToText(new Uint8Array(bytes));
  } catch (cause) {
    throw new CuittyError("key_storage_failed", "the key kept in IndexedDB cannot be unwrapped; pass `key` or the recovery code", {
      cause,
    });
  }
}

async function wrap(text: string, storeId: string): Promise<WrappedKey> {
  const wrapping = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  assertKept(wrapping);
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const data = utf8(text) as Uint8Array<ArrayBuffer>;
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: context(storeId) }, wrapping, data);
  return { wrapping, nonce, sealed };
}

function context(storeId: string): Uint8Array<ArrayBuffer> {
  return utf8(`cuitty/persist/browser key/${storeId}`) as Uint8Array<ArrayBuffer>;
}

const sharedWorkers =
  'shared workers of Safari have no access to keys: open the store in a page or a dedicated worker, or pass `key` with keyStorage "none"';

/** What cannot be cloned cannot be stored. Errors: `unsupported`. */
function assertKept(wrapping: CryptoKey): void {
  try {
    structuredClone(wrapping);
  } catch (cause) {
    throw new CuittyError("unsupported", `a key cannot be kept here; ${sharedWorkers}`, { cause });
  }
}

async function withStore<T>(mode: IDBTransactionMode, body: (store: IDBObjectStore, when: When) => () => T): Promise<T> {
  try {
    const database = await openDatabase();
    try {
      return await transact(database, { storeName, mode, durability: "strict" }, body);
    } finally {
      database.close();
    }
  } catch (cause) {
    if (isQuotaError(cause)) throw storageFull(cause);
    throw new CuittyError("key_storage_failed", "IndexedDB refused the key; private windows of some browsers do", { cause });
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(databaseName, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(storeName);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => resolve(opening.result);
  });
}
