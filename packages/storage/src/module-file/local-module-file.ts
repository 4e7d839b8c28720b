// A module file on this machine: a libSQL file with inbox, outbox and grouped writes.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { retryBusy } from "../engine/retry-busy.ts";
import { openFile } from "../file/open-file.ts";
import { placeOf } from "../file/place.ts";
import type { StorageFile } from "../file/types.ts";
import { ensureCoreTables } from "./core-tables.ts";
import { checkIngestWrite, INBOX_SWEEP, weightOf, writeRequest } from "./ingest-write.ts";
import { createInsertPlanner } from "./row-insert.ts";
import type { ModuleFile, ModuleFileOptions, WriteTransaction } from "./types.ts";
import { assertSynchronous, createWriteTransaction } from "./write-transaction.ts";

const defaultBusyTimeoutMs = 200;
const openTimeoutMs = 5_000;

/** Opens a local file; see `openModuleFile`. */
export async function openLocalModuleFile(options: ModuleFileOptions): Promise<ModuleFile> {
  const { location, migrations, busyTimeoutMs = defaultBusyTimeoutMs } = options;
  const file = await openFile({ path: location, kind: "module", migrations, busyTimeoutMs, synchronous: "FULL" });
  try {
    await retryBusy(() => ensureCoreTables(file.driver), openTimeoutMs);
  } catch (error) {
    await file.close();
    throw error;
  }
  return createModuleFile(file, { location, busyTimeoutMs });
}

function createModuleFile(file: StorageFile, { location, busyTimeoutMs }: { location: string; busyTimeoutMs: number }): ModuleFile {
  const tx = createWriteTransaction(file.driver, createInsertPlanner());
  const place = placeOf(location);
  return {
    location,
    async write(request, { signal } = {}) {
      checkIngestWrite(request);
      return file.write(() => writeRequest(tx, request), { ...weightOf(request), signal });
    },
    transact: (body) => file.write(() => runOnce(tx, body), { alone: true }),
    // A reader meets a lock only while another process recovers or closes the file.
    async all(sql, params) {
      place.assertKept();
      return retryBusy(() => file.all(sql, params), busyTimeoutMs);
    },
    sweepInbox: (beforeMs) => file.write(() => tx.run(INBOX_SWEEP, [Math.trunc(beforeMs)]), { alone: true }),
    backup: file.backup,
    doctor: file.doctor,
    driver: file.driver,
    stats: file.stats,
    close: file.close,
  };
}

/** Gives `body` a transaction that ends with it: kept beyond, its writes would stand outside of every transaction. */
function runOnce<T>(tx: WriteTransaction, body: (tx: WriteTransaction) => T): T {
  let isOpen = true;
  const open = (): WriteTransaction => {
    if (isOpen) return tx;
    throw new CuittyError("transaction_closed", "expected an open transaction, got one that has ended; do not keep the body's `tx`");
  };
  try {
    return assertSynchronous(
      body({
        all: (sql, params) => open().all(sql, params),
        run: (sql, params) => open().run(sql, params),
        insert: (insert) => open().insert(insert),
      }),
    );
  } finally {
    isOpen = false;
  }
}
