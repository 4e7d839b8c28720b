// Messages on a file: rows of `_honker_notifications`, the table that Honker itself makes, on any engine.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "./driver.ts";

/** Sends events that go out if, and only if, the transaction they stand in commits. */
export interface Notifier {
  /** Channel: a text that is not empty; payload: any JSON value, null for none. Returns the notification's id. */
  notify(channel: string, payload: unknown): number;
}

/** As Honker makes it. */
const table = [
  `CREATE TABLE IF NOT EXISTS _honker_notifications (
           id INTEGER PRIMARY KEY AUTOINCREMENT,
           channel TEXT NOT NULL,
           payload TEXT NOT NULL,
           created_at INTEGER NOT NULL DEFAULT (unixepoch())
         )`,
  `CREATE INDEX IF NOT EXISTS _honker_notifications_recent
           ON _honker_notifications(channel, id)`,
];
const insert = "INSERT INTO _honker_notifications (channel, payload) VALUES (?, ?)";
/** From the oldest on, and not beyond the first of the last hour: what it looks at, it deletes. Rows from before the clock was put back are no reason to stop. */
const prune = `DELETE FROM _honker_notifications WHERE id < coalesce(
  (SELECT id FROM _honker_notifications WHERE created_at BETWEEN unixepoch() - 3600 AND unixepoch() + 3600 ORDER BY id LIMIT 1),
  (SELECT max(id) FROM _honker_notifications))`;
const present = "SELECT count(*) FROM sqlite_master WHERE name IN ('_honker_notifications', '_honker_notifications_recent')";

/** Listeners read at once; rows older than an hour are removed at every so many-th message of the file, whoever sends it: many processes send a few each. */
const pruneEvery = 1_000;

/** Makes the table where the engine has not; a file that has it costs one read. */
export function ensureNotifications(driver: Driver): void {
  if (driver.prepare(present).get()?.[0] === table.length) return;
  driver.transaction(() => {
    for (const statement of table) driver.exec(statement);
  });
}

/** A notifier on a driver; it does not ask whose transaction is open. Errors: those of Driver, `invalid_parameter`. */
export function createNotifier(driver: Driver): Notifier {
  return {
    notify(channel, payload) {
      checkChannel(channel);
      const text = jsonOf(payload);
      const { lastInsertRowid } = driver.prepare(insert).run([channel, text]);
      const id = Number(lastInsertRowid);
      if (id % pruneEvery === 0) driver.prepare(prune).run();
      return id;
    },
  };
}

function checkChannel(channel: unknown): void {
  if (typeof channel === "string" && channel !== "") return;
  const got = typeof channel === "string" ? "an empty text" : typeof channel;
  throw new CuittyError("invalid_parameter", `channel: expected a text that is not empty, got ${got}`);
}

/** Errors: `invalid_parameter` for what is no JSON: undefined, functions, bigint, circles. */
function jsonOf(payload: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(payload);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw new CuittyError(
    "invalid_parameter",
    `payload: expected a JSON value, got ${cause === undefined ? typeof payload : String(cause)}`,
    {
      cause,
    },
  );
}

/** One message as a listener gets it. */
export interface Notification {
  readonly id: number;
  readonly channel: string;
  readonly payload: unknown;
}

/** Newest id, where a new listener starts. */
export function newestNotification(driver: Driver): number {
  return Number(driver.prepareCommitted("SELECT coalesce(max(id), 0) FROM _honker_notifications").get()?.[0] ?? 0);
}

/** Committed messages of a channel after an id, oldest first. */
export function notificationsAfter(driver: Driver, channel: string, after: number): Notification[] {
  const sql = "SELECT id, payload FROM _honker_notifications WHERE channel = ? AND id > ? ORDER BY id";
  return driver
    .prepareCommitted(sql)
    .all([channel, after])
    .map(([id, payload]) => ({ id: Number(id), channel, payload: parsePayload(String(payload)) }));
}

/** SQL's own notify() takes any text, so not every payload is JSON. */
function parsePayload(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // reason: a message of another program; its text is what it meant
    return text;
  }
}
