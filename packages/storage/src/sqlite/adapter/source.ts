// What a database can be made from, and how each is turned into a driver with a client around it.
import type { Driver } from "../../engine/driver.ts";
import { rawDriver } from "../../engine/guarded-driver.ts";
import type { HonkerDatabase } from "../../engine/honker-native.ts";
import { createNotifier, ensureNotifications } from "../../engine/notifications.ts";
import { createClient, open, type StorageClient } from "../../engine/open.ts";
import type { DatabaseParts } from "../adapter.ts";

/** A path, an opened client, the driver under one, or a database opened with Honker's own binding (its `transaction()` must not be called any more). */
export type ClientSource = string | StorageClient | Driver | HonkerDatabase;

export function partsOf(source: ClientSource): DatabaseParts<StorageClient> {
  if (isDriver(source)) return partsOfDriver(source);
  const client = typeof source === "object" && "driver" in source ? source : open(source);
  const driver = rawDriver(client.driver);
  return { client, driver, notifier: createNotifier(driver) };
}

function isDriver(source: ClientSource): source is Driver {
  return typeof source === "object" && "prepare" in source;
}

/** A bare driver may stand on a file that is read only through Drizzle: the notification table is made when it is first needed. */
function partsOfDriver(given: Driver): DatabaseParts<StorageClient> {
  const driver = rawDriver(given);
  const notifier = createNotifier(driver);
  const base = createClient({ driver, core: driver, native: undefined });
  const withTable = <Args extends unknown[], T>(call: (...args: Args) => T) => {
    return (...args: Args): T => {
      ensureNotifications(driver);
      return call(...args);
    };
  };
  const client = { ...base, driver: given, notify: withTable(base.notify), listen: withTable(base.listen) };
  return { client, driver, notifier: { notify: withTable(notifier.notify) } };
}
