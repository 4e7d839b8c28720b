// Raw rows of a store's file, and SQLite's own opinion of the file.
import { openFile } from "@cuitty/storage/file";

const kind = 0x43555053;

export interface RawRow {
  readonly key: string;
  readonly value: unknown;
}

/** Opens the file, which no store may have open. Errors: throws when SQLite finds damage. */
export async function* sqliteRows(path: string): AsyncGenerator<RawRow> {
  const file = await openFile({ path, kind });
  try {
    const { problems } = await file.doctor();
    if (problems.length > 0) throw new Error(`the file is damaged: ${problems.join("; ")}`);
    for (const [key, value] of file.all("SELECT CAST(key AS TEXT), value FROM cuitty_rows")) yield { key: String(key), value };
  } finally {
    await file.close();
  }
}
