// Opens a file with an engine through the registry; repeated opens of one file share one connection.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, EngineName, Synchronous } from "./driver.ts";
import { closedError, storageError } from "./errors.ts";
import { assertNoUrl, realPathOf } from "./file-path.ts";
import { connectHonker } from "./honker.ts";
import { type HonkerDatabase, honkerLibrary, loadHonker } from "./honker-native.ts";
import { connectLibsql, type LibsqlSettings, libsqlSettings } from "./libsql.ts";
import { locateNative } from "./native-module.ts";
import { claimFile, type FileClaim } from "./registry.ts";

export interface OpenDriverOptions {
  /** How long a statement blocks the thread for a lock of another process; the first open of a file decides. Units: ms. @default 1000 */
  readonly busyTimeoutMs?: number | undefined;
  /** An open with FULL raises a shared connection to FULL. @default "FULL" */
  readonly synchronous?: Synchronous | undefined;
  /** Pages kept in memory; the first open of a file decides, libSQL alone. Units: KiB. @default 16384 */
  readonly cacheKiB?: number | undefined;
  /** Pages of log after which a commit copies them into the file; the first open of a file decides, libSQL alone. @default 4096 */
  readonly checkpointPages?: number | undefined;
  /** See `FileOptions`; the first open of a file decides, libSQL alone. @default false */
  readonly isOwned?: boolean | undefined;
}

/** A driver with what its engine alone has: the native database wakes listeners of other processes. */
export interface OpenedDriver {
  readonly driver: Driver;
  /** What all handles of the file share; it is closed with the last of them. */
  readonly core: Driver;
  /** Set for the honker engine. */
  readonly native: HonkerDatabase | undefined;
}

interface Connected {
  readonly driver: Driver;
  readonly native: HonkerDatabase | undefined;
}

interface Shared extends Connected {
  readonly settings: LibsqlSettings;
}

const owner = Symbol("cuitty.storage.copy");

/** A handle on a shared driver; the last one to close closes it. */
function driverHandle(driver: Driver, claim: FileClaim): Driver {
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
    prepareCommitted: (sql) => open().prepareCommitted(sql),
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

interface Opening {
  readonly engine: EngineName;
  readonly library: string;
  readonly settings: LibsqlSettings;
  readonly connect: (path: string) => Connected;
}

function openShared(path: string, { engine, library, settings, connect }: Opening): OpenedDriver {
  assertNoUrl(path);
  const claim = claimFile(path, { engine, library }, owner);
  try {
    const shared = (claim.shared as Shared | undefined) ?? { ...connect(claim.path), settings };
    claim.share(shared);
    if (settings.synchronous === "FULL" && shared.settings.synchronous !== "FULL") {
      shared.settings.synchronous = "FULL";
      shared.driver.exec("PRAGMA synchronous = FULL");
    }
    return { driver: driverHandle(shared.driver, claim), core: shared.driver, native: shared.native };
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** Opens `path` (made if missing, mode 0600) with the libSQL engine; ":memory:" is private to the handle. Errors: `engine_conflict`, `unsupported_location` for a URL, and those of Driver. */
export function openLibsql(path: string, options: OpenDriverOptions = {}): Driver {
  return openLibsqlParts(path, options).driver;
}

/** As `openLibsql`, with what its handles share. */
export function openLibsqlParts(path: string, options: OpenDriverOptions = {}): OpenedDriver {
  const settings = libsqlSettings(options);
  if (path === ":memory:") return unshared({ driver: connectLibsql(path, settings), native: undefined });
  const connect = (real: string) => ({ driver: connectLibsql(real, settings), native: undefined });
  return openShared(path, { engine: "libsql", library: locateNative("libsql") ?? "libsql", settings, connect });
}

const unshared = (connected: Connected): OpenedDriver => ({ ...connected, core: connected.driver });

/** Opens `path` (made if missing, mode 0600) with the Honker engine. Errors: `engine_unavailable`, `engine_conflict`, `unsupported_location` for a URL, and those of Driver. */
export function openHonker(path: string, options: OpenDriverOptions = {}): OpenedDriver {
  const settings = libsqlSettings(options);
  if (path === ":memory:") {
    throw new CuittyError(
      "unsupported_location",
      'the honker engine cannot open ":memory:": its readers would open another database; use a file, or { engine: "libsql" }',
    );
  }
  const binding = loadHonker();
  const connect = (real: string) => {
    const native = openNative(() => binding.open(real, 1), real);
    return { driver: connectHonker(native, real, { ...settings, ownsDatabase: true }), native };
  };
  return openShared(path, { engine: "honker", library: honkerLibrary, settings, connect });
}

function openNative(body: () => HonkerDatabase, path: string): HonkerDatabase {
  try {
    return body();
  } catch (error) {
    throw storageError(error, path);
  }
}

/** Takes the lease of a database that the caller has opened with the binding; it stays the caller's to close. Its `transaction()` must not be called any more. */
export function adoptHonker(native: HonkerDatabase, options: OpenDriverOptions = {}): OpenedDriver {
  const settings = libsqlSettings(options);
  const file = String(native.query("SELECT file FROM pragma_database_list WHERE name = 'main'")[0]?.file ?? "");
  const connect = (real: string) => ({ driver: connectHonker(native, real, { ...settings, ownsDatabase: false }), native });
  if (file === "") return unshared(connect(":memory:"));
  return openShared(realPathOf(file), { engine: "honker", library: honkerLibrary, settings, connect });
}
