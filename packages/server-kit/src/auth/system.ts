// Opens system.db: the identity tables, at the newest schema.
import { open as openHandle, rename } from "node:fs/promises";
// The types of this entry alone: those of `/sqlite` bring Drizzle's along, which do not type-check without drivers of all its databases.
import type { Driver } from "@cuitty/storage/file";
import { createSystemDatabase, open } from "@cuitty/storage/sqlite";

export type { Driver };

export interface SystemFile {
  readonly driver: Driver;
  /** Writes a consistent, synced copy while the file is in use. */
  backup(path: string): Promise<void>;
  close(): void;
}

/** Errors: those of opening and migrating a file. */
export function openSystem(path: string): SystemFile {
  const client = open(path);
  try {
    createSystemDatabase(client);
  } catch (error) {
    client.close();
    throw error;
  }
  const { driver } = client;
  return {
    driver,
    async backup(target) {
      const partial = `${target}.partial`;
      // Made first, so that the copy is readable by its owner alone from its first byte.
      await (await openHandle(partial, "wx", 0o600)).close();
      driver.exec(`VACUUM INTO '${partial.replaceAll("'", "''")}'`);
      const copy = await openHandle(partial, "r+");
      await copy.sync();
      await copy.close();
      await rename(partial, target);
    },
    close: () => client.close(),
  };
}
