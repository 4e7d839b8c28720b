// Opens system.db: the identity tables, at the newest schema.
import { type Driver, openFile } from "@cuitty/storage/file";
import { createSystemDatabase } from "@cuitty/storage/sqlite";

export type { Driver };

export interface SystemFile {
  readonly driver: Driver;
  /** Writes a consistent copy while the file is in use. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Errors: those of opening and migrating a file. */
export async function openSystem(path: string): Promise<SystemFile> {
  const file = await openFile({ path, kind: "system" });
  try {
    createSystemDatabase(file.driver);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { driver: file.driver, backup: (target) => file.backup(target), close: () => file.close() };
}
