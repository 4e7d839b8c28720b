// The Honker engine: the native binding through a writer lease, an ordinary autocommit connection with the honker functions on it.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { NativeConnection } from "./connection-holder.ts";
import type { Driver, Synchronous } from "./driver.ts";
import { createDriverCore } from "./driver-core.ts";
import { storageError } from "./errors.ts";
import { withCode } from "./honker-errors.ts";
import type { HonkerDatabase, HonkerRow, HonkerTransaction } from "./honker-native.ts";
import type { HonkerConnection } from "./honker-reader.ts";
import { createHonkerStatement } from "./honker-statement.ts";
import { describeSql, type SqlInfo } from "./sql-text.ts";
import { definitionCheck, strictNames } from "./strict-names.ts";

export interface HonkerSettings {
  readonly busyTimeoutMs: number;
  synchronous: Synchronous;
  /** Whether readers may be set read-only: not on a database that the caller opened and may write through. */
  readonly ownsDatabase: boolean;
}

const oldestSqlite = [3, 38] as const;
const leases = Symbol.for("cuitty.storage.honker-leases");

/** A database gives one lease: a second native `transaction()` would block this thread for ever. */
function knownLeases(): WeakMap<HonkerDatabase, HonkerTransaction> {
  const holder = globalThis as { [leases]?: WeakMap<HonkerDatabase, HonkerTransaction> };
  holder[leases] ??= new WeakMap();
  return holder[leases];
}

/**
 * Takes the writer lease: one native transaction, ended at once by a COMMIT through it. What remains is a connection that outlives it.
 * This rests on version 0.5.1 accepting that COMMIT, so it is tried out here. Errors: `engine_unavailable`, `busy`.
 */
function takeLease(database: HonkerDatabase): HonkerTransaction {
  const known = knownLeases().get(database);
  if (known !== undefined) return known;
  const lease = database.transaction();
  try {
    lease.execute("COMMIT");
    lease.execute("BEGIN IMMEDIATE");
    lease.execute("ROLLBACK");
    if (lease.query("SELECT 1 AS x")[0]?.x !== 1) throw new Error("a read after ROLLBACK did not answer");
  } catch (cause) {
    lease.rollback();
    throw new CuittyError("engine_unavailable", "this version of the Honker binding does not keep a writer after COMMIT; install 0.5.1", {
      cause,
    });
  }
  knownLeases().set(database, lease);
  return lease;
}

function checkVersion(lease: HonkerTransaction): void {
  const version = String(lease.query("SELECT sqlite_version() AS v")[0]?.v);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldestSqlite[0] || (major === oldestSqlite[0] && minor >= oldestSqlite[1])) return;
  throw new CuittyError(
    "engine_unavailable",
    `expected libsqlite3 ${oldestSqlite.join(".")} or newer, got ${version}; update the system's library or use { engine: "libsql" }`,
  );
}

function connect(database: HonkerDatabase, settings: HonkerSettings): NativeConnection {
  const lease = takeLease(database);
  checkVersion(lease);
  for (const pragma of [
    `busy_timeout = ${settings.busyTimeoutMs}`,
    `synchronous = ${settings.synchronous}`,
    "foreign_keys = ON",
    // The binding's own 10,000 lets the WAL grow to 40 MB.
    "wal_autocheckpoint = 1000",
    // SQLite up to 3.40 counts its own JSON functions as unsafe: with OFF every CHECK (json_valid(…)) and JSON index would be refused.
    "trusted_schema = ON",
  ]) {
    lease.query(`PRAGMA ${pragma}`);
  }
  if (settings.ownsDatabase) database.query("PRAGMA query_only = ON");
  return createConnection(database, lease, settings.ownsDatabase);
}

/** Follows the connection's state, which the binding does not tell. */
function createTransactionState(lease: HonkerTransaction) {
  let isInside = false;
  return {
    get isInside() {
      return isInside;
    },
    after(info: SqlInfo, sql: string): void {
      if (info.verb === "BEGIN" || info.verb === "SAVEPOINT") isInside = true;
      else if (info.verb === "COMMIT" || info.verb === "END") isInside = false;
      else if (info.verb === "ROLLBACK") isInside = /^\s*rollback\s+(?:transaction\s+)?to\b/i.test(sql) && isInside;
      // RELEASE of the outermost savepoint commits.
      else if (info.verb === "RELEASE") this.ask();
    },
    /** SQLite ends a transaction by itself after some errors: then a BEGIN succeeds. */
    ask(): void {
      if (!isInside) return;
      try {
        lease.execute("BEGIN");
      } catch (error) {
        if (/within a transaction/.test(String((error as Error).message))) return;
        throw error;
      }
      lease.execute("ROLLBACK");
      isInside = false;
    },
  };
}

/** As text, since the binding rounds large integers. */
function askLastRowid(lease: HonkerTransaction): number | bigint {
  const id = String(lease.query("SELECT CAST(last_insert_rowid() AS TEXT) AS id")[0]?.id);
  return Number.isSafeInteger(Number(id)) ? Number(id) : BigInt(id);
}

const answersRows = /\breturning\b/i;

function createConnection(database: HonkerDatabase, lease: HonkerTransaction, hasReader: boolean): NativeConnection {
  const state = createTransactionState(lease);
  let lastRowid: number | bigint | undefined;
  const attempt = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      state.ask();
      throw withCode(lease, error);
    }
  };
  const onLease: HonkerConnection = {
    query: (sql, params) => attempt(() => lease.query(sql, params)),
    execute: (sql, params) => attempt(() => lease.execute(sql, params)),
    read: (sql, params) => (state.isInside ? onLease.query(sql, params) : readOutside(sql, params)),
    lastInsertRowid() {
      lastRowid ??= askLastRowid(lease);
      return lastRowid;
    },
    forgetRowid() {
      lastRowid = undefined;
    },
  };
  const readOutside = (sql: string, params: unknown[]): HonkerRow[] => {
    try {
      return database.query(sql, params);
    } catch (error) {
      // Temporary tables and attached files exist on the writer alone.
      if (state.isInside || !/no such table|unknown database/.test(String((error as Error).message))) throw error;
      return onLease.query(sql, params);
    }
  };
  return {
    get inTransaction() {
      return state.isInside;
    },
    prepare: (sql, info) => createHonkerStatement(onLease, sql, info),
    prepareCommitted: (sql, info) => createHonkerStatement({ ...onLease, read: readOutside, isCommittedOnly: true }, sql, info),
    execute(sql) {
      const info = describeSql(sql);
      lastRowid = undefined;
      const isQuery = info.kind === "read" || info.kind === "other" || (info.kind === "write" && answersRows.test(sql));
      const text = strictNames(sql);
      const check = info.verb === "CREATE" ? definitionCheck(sql) : undefined;
      if (check !== undefined) attempt(() => lease.query(check, []));
      attempt(() => (isQuery ? lease.query(text, []) : lease.execute(text, [])));
      if (info.kind === "control") state.after(info, sql);
    },
    close() {
      knownLeases().delete(database);
      lease.rollback();
      if (hasReader) database.close();
    },
  };
}

/** A driver on an opened native database, without asking the registry: use `open`. Errors: those of Driver, `engine_unavailable`. */
export function connectHonker(database: HonkerDatabase, path: string, settings: HonkerSettings): Driver {
  try {
    return createDriverCore({
      engine: "honker",
      path,
      connect: () => connect(database, settings),
      wrapsAutocommit: false,
      reconnectsAfterBusy: false,
    });
  } catch (error) {
    throw storageError(error, path);
  }
}
