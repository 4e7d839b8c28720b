// The connection to an IndexedDB database: opened when it is needed, again when the browser took it away, and never to another store of the same name.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { manifestKey } from "../core/manifest.ts";
import { storeClosed, storeDeleted } from "../core/work.ts";
import { isQuotaError, storageFull, transact } from "./indexeddb-transaction.ts";

export const storeName = "rows";
/** Raised when the object stores change their shape. */
const databaseVersion = 1;

export interface Connection {
  open(): Promise<void>;
  /** Runs with an open database; one that the browser took away is opened once more, if it is still the same. Errors: `store_closed`, `store_deleted`. */
  use<T>(body: (database: IDBDatabase) => Promise<T>): Promise<T>;
  /** Tells whose database this is: a manifest of its, as stored. */
  recognise(manifest: unknown): void;
  close(): void;
}

export function createConnection(name: string): Connection {
  let opening: Promise<IDBDatabase> | undefined;
  let isClosed = false;
  /** For good: what is made anew under this name is not what this store has read. */
  let isDeleted = false;
  let wasOpen = false;
  let storeId: string | undefined;

  async function openAgain(): Promise<IDBDatabase> {
    const database = await openDatabase(name, { mayMake: !wasOpen, onLost });
    wasOpen = true;
    if (storeId === undefined || storeIdIn(await manifestOf(database)) === storeId) return database;
    database.close();
    throw storeDeleted();
  }

  function onLost(newVersion?: number | null): void {
    opening = undefined;
    if (newVersion === null) isDeleted = true;
  }

  function open(): Promise<IDBDatabase> {
    opening ??= openAgain();
    opening.catch((error: unknown) => {
      opening = undefined;
      if (isCuittyError(error, "store_deleted")) isDeleted = true;
    });
    return opening;
  }

  /** Several may find the same connection useless: only the first one gives it up. */
  function leave(current: Promise<IDBDatabase>): void {
    if (opening !== current) return;
    opening = undefined;
    void current.then((database) => database.close());
  }

  return {
    open: async () => void (await open()),
    async use(body) {
      if (isClosed) throw storeClosed();
      if (isDeleted) throw storeDeleted();
      const current = open();
      try {
        return await body(await current);
      } catch (error) {
        // The browser closes databases when its storage fails or a newer tab upgrades; a transaction cannot even begin then.
        // Firefox lets the first transaction after one that found no room only delete; that of another connection may write.
        if ((error as { name?: string }).name !== "InvalidStateError") throw ioError(error);
        if (isClosed) throw ioError(error);
        if (isDeleted) throw storeDeleted();
        leave(current);
        return body(await open()).catch((again: unknown) => {
          throw ioError(again);
        });
      }
    },
    recognise(manifest) {
      storeId ??= storeIdIn(manifest);
    },
    close() {
      isClosed = true;
      void opening?.then((database) => database.close()).catch(() => undefined);
    },
  };
}

function storeIdIn(manifest: unknown): string | undefined {
  return typeof manifest === "string" ? /"storeId":"([0-9a-f]{32})"/.exec(manifest)?.[1] : undefined;
}

function manifestOf(database: IDBDatabase): Promise<unknown> {
  return transact<unknown>(database, { storeName, mode: "readonly" }, (store) => {
    const found = store.get(manifestKey);
    return () => found.result;
  });
}

interface Opening {
  /** Otherwise a database that is not there is `store_deleted`, and none is left behind. */
  readonly mayMake: boolean;
  /** With the version that another tab asks for, null when it deletes the database; without when the browser closed it. */
  readonly onLost: (newVersion?: number | null) => void;
}

function openDatabase(name: string, { mayMake, onLost }: Opening): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = openRequest(name);
    let isMissing = false;
    request.onupgradeneeded = () => {
      isMissing = !mayMake;
      // A database whose first upgrade is aborted has never been.
      if (isMissing) request.transaction!.abort();
      else request.result.createObjectStore(storeName);
    };
    request.onerror = () => reject(isMissing ? storeDeleted() : openError(request.error));
    request.onsuccess = () => {
      const database = request.result;
      // A tab that deletes or upgrades the database must not wait for this one.
      database.onversionchange = ({ newVersion }) => {
        onLost(newVersion);
        database.close();
      };
      database.onclose = () => onLost();
      resolve(database);
    };
  });
}

/** Errors: `io` where a page may keep nothing; browsers refuse it at once or when the request is answered. */
function openRequest(name: string): IDBOpenDBRequest {
  try {
    return indexedDB.open(name, databaseVersion);
  } catch (cause) {
    throw openError(cause);
  }
}

function openError(cause: unknown): CuittyError {
  if ((cause as { name?: string } | null)?.name === "VersionError") {
    return new CuittyError("newer_format", "the database was made by a newer release; nothing was written: upgrade @cuitty/persist", {
      cause,
    });
  }
  if (isQuotaError(cause)) return storageFull(cause);
  const text =
    "IndexedDB cannot be opened; see `cause`. Browsers refuse it where cookies are blocked, in sandboxed frames and in some private windows; some want the page loaded anew after their storage has failed";
  return new CuittyError("io", text, { retryable: true, cause });
}

function ioError(error: unknown): unknown {
  if ((error as { name?: string }).name === "CuittyError") return error;
  return isQuotaError(error)
    ? storageFull(error)
    : new CuittyError("io", "IndexedDB failed; see `cause`", { retryable: true, cause: error });
}
