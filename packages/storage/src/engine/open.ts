// Opens an SQLite file as database, message channel and event source in one.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { runTransaction } from "../sqlite/adapter/transaction-runner.ts";
import { gateOf, type TransactionToken, writerBusy } from "../sqlite/adapter/writer-gate.ts";
import type { Driver, EngineName, RunResult, SqlValue, Statement, Synchronous } from "./driver.ts";
import { closedError } from "./errors.ts";
import { guardDriver } from "./guarded-driver.ts";
import { type HonkerDatabase, isHonkerInstalled, loadHonker } from "./honker-native.ts";
import {
  createNotifier,
  ensureNotifications,
  type Notification,
  type Notifier,
  newestNotification,
  notificationsAfter,
} from "./notifications.ts";
import { adoptHonker, type OpenedDriver, openHonker, openLibsqlParts } from "./open-driver.ts";
import { refuseUnknown } from "./options.ts";
import { createWatcher, type Watcher, type WatchListener } from "./watcher.ts";

export interface OpenOptions {
  /** "auto" takes honker where its binding is installed, else libsql. @default "auto" */
  readonly engine?: "auto" | EngineName | undefined;
  /** Accepted for Honker's own signature; one thread never uses more than one reader. */
  readonly maxReaders?: number | undefined;
  /** How long a statement blocks the thread for a lock of another process. Units: ms. @default 1000 */
  readonly busyTimeoutMs?: number | undefined;
  /** FULL: a commit is on disk when it returns. @default "FULL" */
  readonly synchronous?: Synchronous | undefined;
}

/** A row by column name. */
export type ObjectRow = Record<string, SqlValue>;

/** What the body of `client.transaction` works with. */
export interface ClientTransaction extends Notifier {
  query(sql: string, params?: readonly SqlValue[]): ObjectRow[];
  execute(sql: string, params?: readonly SqlValue[]): RunResult;
}

/** An open file. Handles of one path share one connection; each has to be closed. */
export interface StorageClient {
  /** The connection. What may write is refused with `writer_busy` during an open async transaction. */
  readonly driver: Driver;
  readonly engine: EngineName;
  readonly path: string;
  /** Rows as objects; of equal names the last wins. Outside a transaction it reads committed rows. */
  query(sql: string, params?: readonly SqlValue[]): ObjectRow[];
  /**
   * Runs `body` between BEGIN IMMEDIATE and COMMIT, and ROLLBACK when it throws. An async body keeps the writer until it settles; meanwhile other async
   * bodies wait their turn (5 s), and synchronous writers get `writer_busy`.
   */
  transaction<T>(body: (tx: ClientTransaction) => T): T;
  /** Sends a JSON payload to a channel's listeners in every process, at once. Errors: `invalid_parameter`; `writer_busy` during an open async transaction. */
  notify(channel: string, payload: unknown): number;
  /** Hears the messages of a channel that are committed from now on, oldest first, each once. Returns the unsubscriber. */
  listen(channel: string, listener: (message: Notification) => void): () => void;
  /** Hears of commits of any process. Returns the unsubscriber. Errors: `closed`. */
  watch(listener: WatchListener): () => void;
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a file (made if missing), or adopts a database that the caller opened with Honker's binding.
 * Errors: `engine_unavailable`, `engine_conflict`, `invalid_option`, `unknown_option`, `unsupported_location`, those of Driver.
 *
 * @example
 * const client = open("system.db");
 * client.transaction((tx) => { tx.execute("INSERT INTO jobs (name) VALUES (?)", ["mail"]); tx.notify("jobs", { name: "mail" }); });
 */
export function open(source: string | HonkerDatabase, options: OpenOptions = {}): StorageClient {
  const opened = openWith(source, options);
  try {
    ensureNotifications(opened.driver);
  } catch (error) {
    opened.driver.close();
    throw error;
  }
  const client = createClient(opened);
  return { ...client, driver: guardDriver(opened.driver, gateOf(opened.driver)) };
}

const optionNames = ["engine", "maxReaders", "busyTimeoutMs", "synchronous"];

function openWith(source: string | HonkerDatabase, options: OpenOptions): OpenedDriver {
  refuseUnknown("open", options, optionNames);
  const { engine = "auto", busyTimeoutMs, synchronous } = options;
  const settings = { busyTimeoutMs, synchronous };
  if (typeof source !== "string" && typeof (source as Partial<HonkerDatabase> | null | undefined)?.query === "function")
    return adoptHonker(source, settings);
  if (typeof source !== "string" || source === "" || source.includes("\0")) {
    const got = typeof source === "string" ? (source === "" ? "an empty text" : "one with NUL") : typeof source;
    throw new CuittyError("invalid_option", `source: expected the path of a file, or a database opened with Honker's binding, got ${got}`);
  }
  if (engine !== "auto" && engine !== "honker" && engine !== "libsql") {
    throw new CuittyError("invalid_option", `engine: expected "auto", "honker" or "libsql", got ${JSON.stringify(engine)}`);
  }
  if (engine === "honker" || (engine === "auto" && source !== ":memory:" && canUseHonker())) return openHonker(source, settings);
  return openLibsqlParts(source, settings);
}

/** Installed and loadable: on a slim image the package may be there and the system's libsqlite3 not. */
function canUseHonker(): boolean {
  if (!isHonkerInstalled()) return false;
  try {
    loadHonker();
    return true;
  } catch (error) {
    if (isCuittyError(error, "engine_unavailable")) return false;
    throw error;
  }
}

/** Watchers by connection: one a file, however many handles there are. */
const watchers = new WeakMap<Driver, Watcher>();

/** The client around an opened driver; `open` is the usual way. */
export function createClient({ driver, core = driver, native }: Omit<OpenedDriver, "core"> & { readonly core?: Driver }): StorageClient {
  const gate = gateOf(driver);
  const notifier = createNotifier(driver);
  const own = new Set<() => void>();
  let isClosed = false;
  const subscribe = (listener: WatchListener): (() => void) => {
    if (isClosed) throw closedError(driver.path);
    const watcher = watchers.get(core) ?? createWatcher(core, native);
    watchers.set(core, watcher);
    const stop = watcher.watch(listener);
    const end = () => {
      own.delete(end);
      stop();
    };
    own.add(end);
    return end;
  };

  function run<T>(body: (tx: ClientTransaction) => T): T {
    return runTransaction({ driver, gate, behavior: "immediate" }, (token) => body(transactionOn(driver, notifier, token)));
  }
  return {
    driver,
    engine: driver.engine,
    path: driver.path,
    query: (sql, params) => objects(gate.owner === undefined ? driver.prepare(sql) : driver.prepareCommitted(sql), params),
    transaction(body) {
      if (gate.owner === undefined) return run(body);
      if (isAsync(body)) return gate.enqueue(() => run(body)) as ReturnType<typeof body>;
      throw writerBusy("Use an async body, which waits for its turn.");
    },
    notify(channel, payload) {
      if (gate.owner !== undefined) throw writerBusy("Use the transaction's own `notify`, or wait for it to end.");
      return notifier.notify(channel, payload);
    },
    listen(channel, listener) {
      let last = newestNotification(driver);
      const onCommit = () => {
        for (const message of notificationsAfter(driver, channel, last)) {
          last = message.id;
          hear(listener, message);
        }
      };
      return subscribe({ onCommit });
    },
    watch: subscribe,
    close() {
      isClosed = true;
      for (const end of [...own]) end();
      driver.close();
    },
  };
}

/** One message's error is its own: the listener still hears the others, and the process is told. */
function hear(listener: (message: Notification) => void, message: Notification): void {
  try {
    listener(message);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.emitWarning(new CuittyError("listener_failed", `a listener of "${message.channel}" threw: ${reason}`, { cause: error }));
  }
}

function isAsync(body: unknown): boolean {
  return Object.prototype.toString.call(body) === "[object AsyncFunction]";
}

function transactionOn(driver: Driver, notifier: Notifier, token: TransactionToken): ClientTransaction {
  const open = (): Driver => {
    if (token.isOpen) return driver;
    throw new CuittyError("transaction_closed", "expected an open transaction, got one that has ended; await everything inside its body");
  };
  return {
    query: (sql, params) => objects(open().prepare(sql), params),
    execute: (sql, params) => open().prepare(sql).run(params),
    notify: (channel, payload) => {
      open();
      return notifier.notify(channel, payload);
    },
  };
}

function objects(statement: Statement, params?: readonly SqlValue[]): ObjectRow[] {
  const rows = statement.all(params);
  if (rows.length === 0) return [];
  const names = statement.columns;
  return rows.map((row) => {
    const object: ObjectRow = Object.create(null) as ObjectRow;
    for (const [index, name] of names.entries()) object[name] = row[index] as SqlValue;
    return object;
  });
}
