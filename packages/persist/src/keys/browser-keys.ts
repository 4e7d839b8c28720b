// A browser's key place: the key in IndexedDB, wrapped by a WebCrypto key that scripts can use but never read.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
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
        const text = await change(await unwrap(found, storeId));
        if (text === undefined) return false;
        if (await replaceKey(storeId, found, await wrap(text, storeId))) return true;
      }
    },
  };
}

function readKey(storeId: string): Promise<WrappedKey | undefined> {
  return withStore("readonly", (store) => store.get(storeId));
}

/** False when another tab saved meanwhile: a nonce is never used twice, so it tells. */
async function replaceKey(storeId: string, before: WrappedKey | undefined, next: WrappedKey): Promise<boolean> {
  let isReplaced = false;
  await withStore("readwrite", (store) => {
    const found = store.get(storeId) as IDBRequest<WrappedKey | undefined>;
    found.onsuccess = () => {
      const nonce = found.result?.nonce;
      isReplaced = nonce && before ? equalBytes(nonce, before.nonce) : !nonce && !before;
      if (isReplaced) store.put(next, storeId);
    };
    return found;
  });
  return isReplaced;
}

/** Browsers have WebCrypto only on pages nobody on the way can change. Errors: `unsupported`. */
function assertSecure(): void {
  if (globalThis.crypto?.subtle !== undefined) return;
  throw new CuittyError(
    "unsupported",
    'a key can be kept only in a secure context: serve the page over https or from localhost, or pass `key` with keyStorage "none"',
  );
}

async function unwrap(found: WrappedKey | undefined, storeId: string): Promise<string | undefined> {
  if (!found) return undefined;
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
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const data = utf8(text) as Uint8Array<ArrayBuffer>;
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: context(storeId) }, wrapping, data);
  return { wrapping, nonce, sealed };
}

function context(storeId: string): Uint8Array<ArrayBuffer> {
  return utf8(`cuitty/persist/browser key/${storeId}`) as Uint8Array<ArrayBuffer>;
}

function withStore<T>(mode: IDBTransactionMode, body: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(databaseName, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(storeName);
    opening.onerror = () => reject(failed(opening.error));
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(storeName, mode, { durability: "strict" });
      const request = body(transaction.objectStore(storeName));
      transaction.oncomplete = () => {
        database.close();
        resolve(request.result as T);
      };
      transaction.onabort = () => {
        database.close();
        reject(failed(transaction.error));
      };
    };
  });
}

function failed(cause: unknown): CuittyError {
  return new CuittyError("key_storage_failed", "IndexedDB refused the key; private windows of some browsers do", { cause });
}
