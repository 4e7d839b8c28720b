// Opens a file with an engine through the registry; repeated opens of one file share one connection.
import type { Driver, Synchronous } from "./driver.ts";
import { closedError } from "./errors.ts";
import { connectLibsql, type LibsqlSettings, libsqlSettings } from "./libsql.ts";
import { locateNative } from "./native-module.ts";
import { claimFile, type FileClaim } from "./registry.ts";

export interface OpenDriverOptions {
  /** How long a statement blocks the thread for a lock of another process; the first open of a file decides. Units: ms. @default 1000 */
  readonly busyTimeoutMs?: number;
  /** An open with FULL raises a shared connection to FULL. @default "FULL" */
  readonly synchronous?: Synchronous;
}

interface Shared {
  readonly driver: Driver;
  readonly settings: LibsqlSettings;
}

const owner = Symbol("cuitty.storage.copy");

/** A handle on a shared driver; the last one to close closes it. */
export function driverHandle(driver: Driver, claim: FileClaim): Driver {
  let isOpen = true;
  const open = (): Driver => {
    if (!isOpen) throw closedError(driver.path);
    return driver;
  };
  return {
    engine: driver.engine,
    path: driver.path,
    sqliteVersion: driver.sqliteVersion,
    get inTransaction() {
      return isOpen && driver.inTransaction;
    },
    prepare: (sql) => open().prepare(sql),
    exec: (sql) => open().exec(sql),
    transaction: (body) => open().transaction(body),
    onCommit: (listener) => open().onCommit(listener),
    close() {
      if (!isOpen) return;
      isOpen = false;
      try {
        if (claim.isLast()) driver.close();
      } finally {
        claim.release();
      }
    },
  };
}

/** Opens `path` (made if missing, mode 0600) with the libSQL engine; ":memory:" is private to the handle. Errors: `engine_conflict` and those of Driver. */
export function openLibsql(path: string, options: OpenDriverOptions = {}): Driver {
  const settings = libsqlSettings(options);
  if (path === ":memory:") return connectLibsql(path, settings);
  const claim = claimFile(path, { engine: "libsql", library: locateNative("libsql") ?? "libsql" }, owner);
  try {
    const shared = (claim.shared as Shared | undefined) ?? { driver: connectLibsql(claim.path, settings), settings };
    claim.share(shared);
    if (settings.synchronous === "FULL" && shared.settings.synchronous !== "FULL") {
      shared.settings.synchronous = "FULL";
      shared.driver.exec("PRAGMA synchronous = FULL");
    }
    return driverHandle(shared.driver, claim);
  } catch (error) {
    claim.release();
    throw error;
  }
}
