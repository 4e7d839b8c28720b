// A browser's key place: the key in IndexedDB, wrapped by a WebCrypto key that scripts can use but never read.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { utf8, utf8ToText } from "../crypto/bytes.ts";
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
      const found = await withStore<WrappedKey | undefined>("readonly", (store) => store.get(storeId));
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
    },
    async save(storeId, text) {
      const wrapping = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
      const nonce = crypto.getRandomValues(new Uint8Array(12));
      const data = utf8(text) as Uint8Array<ArrayBuffer>;
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: context(storeId) }, wrapping, data);
      await withStore("readwrite", (store) => store.put({ wrapping, nonce, sealed } satisfies WrappedKey, storeId));
    },
  };
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
