// Rows in one libSQL file: the default adapter on Node, Bun and Deno.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterEntry, AdapterOp, AdapterRange, PersistAdapter } from "../adapter.ts";
import { pagesInOrder } from "../core/pages.ts";
import { bytesToKey, keyToParameter } from "./key-bytes.ts";
import { loadSqlite, type SqliteFile, type SqliteLibrary, type SqliteOpenOptions } from "./sqlite-file.ts";
import { applicationId, assertOwnTables, assertStoreFile, placeError, realPlace } from "./sqlite-place.ts";
import { selectPage } from "./sqlite-range.ts";
import { createTextGuard } from "./sqlite-text.ts";

export interface SqliteAdapterOptions {
  /** File; its folder is made. */
  readonly path: string;
  /** `full`: a resolved write survives a power cut. @default "full" */
  readonly durability?: "full" | "normal" | undefined;
}

/** SQLite's own 2 MiB makes a random read of 10,000 records five times as slow. */
const cacheKiB = 16 * 1024;
/** Pages of log between checkpoints. A flush that makes the log longer costs half as much again as one that writes over it, and each open starts a new log: 32 to 64 took a sixth off 400 single puts beside 128, with 16 the checkpoints eat it up. */
const checkpointPages = 48;
const migrations = [
  {
    version: 1,
    name: "rows",
    statements: [
      // No type on `value`: text stays text, bytes stay bytes.
      "CREATE TABLE cuitty_rows (id INTEGER PRIMARY KEY, key BLOB NOT NULL, value NOT NULL)",
      "CREATE UNIQUE INDEX cuitty_rows_key ON cuitty_rows (key)",
    ],
  },
] as const;

/** Opens or makes the file. Errors: `store_in_use` naming the process that has it, `missing_library`, `newer_format`, `corrupt`, `readonly`, `io`. */
export async function sqliteAdapter({ path, durability = "full" }: SqliteAdapterOptions): Promise<PersistAdapter> {
  const file = realPlace(path);
  const library = await loadSqlite();
  const lease = await claim(library, file);
  const options = {
    path: file,
    kind: applicationId,
    synchronous: durability === "full" ? "FULL" : "NORMAL",
    cacheKiB,
    checkpointPages,
    isOwned: true,
  } as const;
  try {
    // Not before the lease: closing a file would drop the locks a store of this process has on it.
    if (!assertStoreFile(file)) await lookInside(library, options);
    return await openStore(library, options, lease.release);
  } catch (error) {
    lease.release();
    throw openError(error, file);
  }
}

async function lookInside(library: SqliteLibrary, options: SqliteOpenOptions): Promise<void> {
  const open = await library.openFile(options);
  try {
    assertOwnTables(options.path, open);
  } finally {
    await open.close();
  }
}

async function openStore(library: SqliteLibrary, options: SqliteOpenOptions, release: () => void): Promise<PersistAdapter> {
  const open = await library.openFile({ ...options, migrations });
  try {
    return adapterOn(open, release);
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** One process owns a store; the lock is the operating system's, so it ends with the process however that ends. */
async function claim(library: SqliteLibrary, file: string): Promise<{ release(): void }> {
  try {
    return await library.acquireOwnerLease(`${file}.lock`);
  } catch (error) {
    if (!isCuittyError(error, "data_dir_in_use")) throw placeError(error, file);
    const { pid, startedAt } = (error.details ?? {}) as { pid?: number; startedAt?: string };
    const here = pid === globalThis.process.pid;
    const who = here ? "by this process" : pid === undefined ? "by another process" : `by process ${pid}, started ${startedAt}`;
    throw new CuittyError("store_in_use", `the store ${file} is open already ${who}; share that one, or close it first`, {
      retryable: true,
      cause: error,
      details: { pid },
    });
  }
}

function openError(error: unknown, file: string): unknown {
  if (isCuittyError(error, "file_newer")) {
    return new CuittyError(
      "newer_format",
      `the store ${file} was written by a newer release; nothing was written: upgrade @cuitty/persist`,
      { cause: error },
    );
  }
  if (isCuittyError(error, "file_kind_mismatch")) {
    return new CuittyError("corrupt", `the file ${file} is a database of another kind, not a store; name another path`, { cause: error });
  }
  if (isCuittyError(error, "sql")) {
    return new CuittyError("corrupt", `the store ${file} lacks its table or its index, or another program changed them; restore a backup`, {
      cause: error,
    });
  }
  return placeError(error, file);
}

function adapterOn(file: SqliteFile, release: () => void): PersistAdapter {
  // Text is bound at half the cost of bytes; the cast leaves bytes as they are.
  const select = file.prepare("SELECT value FROM cuitty_rows WHERE key = CAST(? AS BLOB)");
  const upsert = file.prepare(
    "INSERT INTO cuitty_rows (key, value) VALUES (CAST(? AS BLOB), ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  const texts = createTextGuard(file);
  const remove = file.prepare("DELETE FROM cuitty_rows WHERE key = CAST(? AS BLOB)");

  function apply(op: AdapterOp): void {
    if (op.type === "put") upsert.run([keyToParameter(op.key), op.value as string | Uint8Array]);
    else remove.run([keyToParameter(op.key)]);
  }

  async function batch(ops: readonly AdapterOp[]): Promise<void> {
    // One statement is a transaction already.
    if (ops.length === 1) apply(ops[0]!);
    else {
      file.driver.transaction(() => {
        for (const op of ops) apply(op);
      });
    }
    for (const op of ops) if (op.type === "put") texts.know(op.key);
  }

  function range(query: AdapterRange): AdapterEntry[] {
    const { sql, params } = selectPage(file, query);
    texts.check(sql, params);
    return file
      .prepare(sql)
      .all(params)
      .map(([key, value]) => ({ key: bytesToKey(key as Uint8Array), value }));
  }

  let closing: Promise<void> | undefined;
  const adapter: PersistAdapter = {
    name: "sqlite",
    capabilities: { atomicBatch: true, blobs: true, watch: false, bytes: true, exclusive: true },
    get: async (key) => (texts.isKnown(key) ? select.get([keyToParameter(key)])?.[0] : texts.read(key)),
    put: (key, value) => batch([{ type: "put", key, value }]),
    delete: (key) => batch([{ type: "delete", key }]),
    async *list(prefix) {
      for await (const page of pagesInOrder(adapter, { prefix })) yield* page;
    },
    batch,
    range: async (query) => range(query),
    boundsPages: true,
    close() {
      closing ??= file.close().finally(release);
      return closing;
    },
  };
  return adapter;
}
