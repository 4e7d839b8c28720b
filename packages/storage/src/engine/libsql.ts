// The libSQL engine: the `libsql` binding, synchronous, with its traps closed (it aborts the process on values and shapes that it does not know).
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { NativeConnection } from "./connection-holder.ts";
import type { Driver, Synchronous } from "./driver.ts";
import { createDriverCore } from "./driver-core.ts";
import type { LibsqlDatabase, TextState } from "./libsql-native.ts";
import type { SchemaText } from "./libsql-risk.ts";
import { assertReadableSchema, readSchema } from "./libsql-schema.ts";
import { createLibsqlStatement, nulTextTable } from "./libsql-statement.ts";
import { loadNative } from "./native-module.ts";
import type { SqlInfo } from "./sql-text.ts";

type LibsqlConstructor = new (path: string, options: { timeout: number }) => LibsqlDatabase;

/** What a connection is set to, also after a reconnect; `synchronous` may be raised while it is open. */
export interface LibsqlSettings {
  readonly busyTimeoutMs: number;
  synchronous: Synchronous;
  /** Pages kept in memory. Units: KiB. */
  readonly cacheKiB: number;
  /** Pages of log after which a commit copies them into the file. */
  readonly checkpointPages: number;
  /** Whether nobody else writes the file while it is open: single statements then need no BEGIN and COMMIT of ours. */
  readonly isOwned: boolean;
}

const changesSchema = /^\s*(?:create|alter|drop|attach|detach|rollback|--|\/\*)/i;
/** SQLite takes a larger number for 0. */
const largestPragma = 2 ** 31 - 1;
const levels: readonly Synchronous[] = ["FULL", "NORMAL", "OFF"];

/**
 * Defaults and checks of the engine's options. 16 MiB of pages instead of SQLite's 2, and a checkpoint each 16 MiB of log instead of 4:
 * the tails of a few indexes stay in memory and are copied less often. Errors: `invalid_option`.
 */
export function libsqlSettings(options: Partial<LibsqlSettings>): LibsqlSettings {
  const { busyTimeoutMs = 1_000, synchronous = "FULL", cacheKiB = 16_384, checkpointPages = 4_096, isOwned = false } = options;
  if (!Number.isSafeInteger(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new CuittyError("invalid_option", `busyTimeoutMs: expected a whole number of ms from 0, got ${String(busyTimeoutMs)}`);
  }
  if (!levels.includes(synchronous)) {
    throw new CuittyError("invalid_option", `synchronous: expected FULL, NORMAL or OFF, got ${String(synchronous)}`);
  }
  for (const [name, value] of Object.entries({ cacheKiB, checkpointPages })) {
    if (Number.isSafeInteger(value) && value > 0 && value <= largestPragma) continue;
    throw new CuittyError("invalid_option", `${name}: expected a whole number from 1 to ${largestPragma}, got ${String(value)}`);
  }
  if (typeof isOwned !== "boolean") throw new CuittyError("invalid_option", `isOwned: expected true or false, got ${typeof isOwned}`);
  return { busyTimeoutMs: Math.min(busyTimeoutMs, largestPragma), synchronous, cacheKiB, checkpointPages, isOwned };
}

/** Errors: `engine_unavailable`. */
function loadLibsql(): LibsqlConstructor {
  try {
    return loadNative<LibsqlConstructor>("libsql");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new CuittyError(
      "engine_unavailable",
      `the libsql engine cannot be loaded on ${process.platform}-${process.arch}: ${reason}. It needs the package libsql, which no bundler takes along: install it beside the app`,
      { cause },
    );
  }
}

function connect(path: string, settings: LibsqlSettings): NativeConnection {
  const Database = loadLibsql();
  const database = new Database(path, { timeout: openTimeoutMs });
  try {
    if (path !== ":memory:") database.exec("PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${settings.synchronous}`);
    database.exec("PRAGMA foreign_keys = ON");
    database.exec(`PRAGMA busy_timeout = ${settings.busyTimeoutMs}`);
    database.exec(`PRAGMA cache_size = -${settings.cacheKiB}`);
    if (path !== ":memory:") database.exec(`PRAGMA wal_autocheckpoint = ${settings.checkpointPages}`);
    assertReadableSchema(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
  const text = createTextState(database, path, settings.isOwned);
  let reader: LibsqlDatabase | undefined;
  const openReader = (): LibsqlDatabase => {
    reader ??= new Database(path, { timeout: settings.busyTimeoutMs });
    reader.exec("PRAGMA query_only = ON");
    return reader;
  };
  return {
    get inTransaction() {
      return database.inTransaction;
    },
    prepare: (sql, info) => createLibsqlStatement(database, { sql, info, text }),
    ...(path === ":memory:"
      ? undefined
      : { prepareCommitted: (sql: string, info: SqlInfo) => createLibsqlStatement(openReader(), { sql, info, text }) }),
    execute(sql) {
      database.exec(sql);
      if (changesSchema.test(sql)) text.schemaChanges++;
    },
    close() {
      reader?.close();
      database.close();
    },
  };
}

/** Longest that a look at the schema is good for within one turn of the event loop. Units: ms. */
const lookMs = 5;

/**
 * Looks for the mark at connect, then whenever the schema has changed. To ask that for each read would cost as much as the read: it is asked once
 * a turn, and again when a turn takes long. What a process did before it told this one of it, by whatever message, is seen.
 */
function createTextState(database: LibsqlDatabase, path: string, isOwned: boolean): TextState {
  const isAlone = isOwned || path === ":memory:";
  const mark = database.prepare(`SELECT 1 FROM sqlite_master WHERE name = '${nulTextTable}'`).raw(true);
  const version = database.prepare("PRAGMA schema_version").raw(true);
  const schemaVersion = () => version.all([])[0]?.[0];
  let seen = schemaVersion();
  let schema: SchemaText | undefined;
  let describedAt = "";
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  const forget = () => {
    lookedAtMs = Number.NEGATIVE_INFINITY;
  };
  return {
    mayHoldNul: mark.all([]).length > 0,
    schemaVersion,
    schemaChanges: 0,
    schema() {
      // The version tells of other processes, the count of temporary views.
      const now = `${schemaVersion()} ${this.schemaChanges}`;
      if (schema === undefined || now !== describedAt) schema = readSchema(database, path);
      describedAt = now;
      return schema;
    },
    look() {
      if (isAlone || this.mayHoldNul || performance.now() - lookedAtMs < lookMs) return;
      if (lookedAtMs === Number.NEGATIVE_INFINITY) setImmediate(forget).unref();
      lookedAtMs = performance.now();
      const now = schemaVersion();
      if (now === seen) return;
      seen = now;
      this.schemaChanges++;
      this.mayHoldNul = mark.all([]).length > 0;
    },
  };
}

/** Changing the journal mode of a new file needs the lock for a moment; another process may be doing just that. */
const openTimeoutMs = 1_000;

/** Connects to a file or ":memory:" without asking the registry: use `openLibsql`. Errors: those of Driver. */
export function connectLibsql(path: string, settings: LibsqlSettings): Driver {
  return createDriverCore({
    engine: "libsql",
    path,
    connect: () => connect(path, settings),
    wrapsAutocommit: !settings.isOwned,
    reconnectsAfterBusy: true,
  });
}
