// What a database can be made from, and how each is turned into a driver with a client around it.
import type { Driver } from "../../engine/driver.ts";
import { openLibsql } from "../../engine/open-driver.ts";
import type { DatabaseParts } from "../adapter.ts";

/** An opened SQLite file: what `db.$client` is. */
export interface SqliteClient {
  readonly driver: Driver;
  /** Sends a JSON payload to the listeners of a channel, in every process; inside a transaction with its commit. Returns the notification's id. */
  notify(channel: string, payload: unknown): number;
  close(): void;
}

/** An opened client, the driver under one, or the path of a file to open. */
export type ClientSource = SqliteClient | Driver | string;

export function partsOf(source: ClientSource): DatabaseParts<SqliteClient> {
  if (typeof source === "string") return partsOf(openLibsql(source));
  const client = "driver" in source ? source : clientOfDriver(source);
  return { client, driver: client.driver, honkerTx: client };
}

function clientOfDriver(driver: Driver): SqliteClient {
  const insert = "INSERT INTO _honker_notifications (channel, payload) VALUES (?, ?)";
  return {
    driver,
    notify: (channel, payload) => Number(driver.prepare(insert).run([channel, JSON.stringify(payload)]).lastInsertRowid),
    close: () => driver.close(),
  };
}
