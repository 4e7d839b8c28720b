// A module file behind a URL: the same promises as a local one, each group one atomic batch over HTTP.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { retryBusy } from "../engine/retry-busy.ts";
import { checkIngestWrite, INBOX_SWEEP } from "./ingest-write.ts";
import { connectRemote, withoutSecrets } from "./remote-client.ts";
import { migrateRemote } from "./remote-migrations.ts";
import { createRemoteWriter } from "./remote-writer.ts";
import type { ModuleFile, ModuleFileOptions } from "./types.ts";

/** Another process may be migrating. */
const openTimeoutMs = 5_000;

/** Opens a remote database; see `openModuleFile`. Errors: `io` when it cannot be reached, those of migrations. */
export async function openRemoteModuleFile(options: ModuleFileOptions): Promise<ModuleFile> {
  const { authToken, migrations, busyTimeoutMs = 200 } = options;
  const location = withoutSecrets(options.location);
  const database = await connectRemote(options.location, authToken);
  try {
    await retryBusy(() => migrateRemote(database, { location, migrations }), openTimeoutMs);
  } catch (error) {
    database.close();
    throw error;
  }
  const writer = createRemoteWriter(database, { location, busyTimeoutMs });
  let closing: Promise<void> | undefined;
  return {
    location,
    async write(request, { signal } = {}) {
      checkIngestWrite(request);
      return writer.write(request, signal);
    },
    transact: writer.transact,
    async all(sql, params) {
      return (await database.execute({ sql, params })).rows;
    },
    sweepInbox: (beforeMs) => writer.transact((tx) => tx.run(INBOX_SWEEP, [Math.trunc(beforeMs)])),
    async backup() {
      throw new CuittyError("unsupported", `backup works on local files only; use the backups of the server behind ${location}`);
    },
    stats: () => ({
      commits: writer.totals.commits,
      rows: writer.totals.rows,
      groupSize: writer.totals.commits === 0 ? 0 : writer.totals.writes / writer.totals.commits,
      queued: writer.queued,
      walBytes: 0,
    }),
    close() {
      closing ??= writer.drain().then(() => database.close());
      return closing;
    },
  };
}
