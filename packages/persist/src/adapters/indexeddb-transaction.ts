// One transaction of IndexedDB: all of it or nothing, whatever is thrown on the way, and a typed error when the storage is full.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

export interface TransactionOptions extends IDBTransactionOptions {
  readonly storeName: string;
  readonly mode: IDBTransactionMode;
}

/** Calls back with the answer to a request. */
export type When = <R>(request: IDBRequest<R>, body: (answer: R) => void) => void;

/**
 * Makes the requests of one transaction, at once or when others are answered, and gives what their result is read with. Resolves when it is committed, not
 * when its requests are answered. What the body or a callback throws undoes it all and is what this rejects with: uncaught, it would go to the page's
 * `onerror`, and what was requested before it would be committed.
 */
export function transact<T>(
  database: IDBDatabase,
  { storeName, mode, ...options }: TransactionOptions,
  body: (store: IDBObjectStore, when: When) => () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(storeName, mode, options);
    let read: (() => T) | undefined;
    let thrown: { readonly error: unknown } | undefined;
    const attempt = (step: () => void) => {
      try {
        step();
      } catch (error) {
        thrown = { error };
        transaction.abort();
      }
    };
    transaction.oncomplete = () => resolve(read!());
    transaction.onabort = () =>
      reject(thrown ? thrown.error : (transaction.error ?? new DOMException("the transaction was aborted", "AbortError")));
    attempt(() => {
      read = body(transaction.objectStore(storeName), (request, answered) => {
        request.onsuccess = () => attempt(() => answered(request.result));
      });
    });
  });
}

export function isQuotaError(error: unknown): boolean {
  return (error as { name?: string } | null | undefined)?.name === "QuotaExceededError";
}

export function storageFull(cause: unknown): CuittyError {
  return new CuittyError("full", "the browser's storage is full; delete data or ask for more with navigator.storage.persist()", {
    retryable: true,
    cause,
  });
}
