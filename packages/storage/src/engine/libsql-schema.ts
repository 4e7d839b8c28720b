// The schema of a file on the libSQL engine: what it says of its text, and whether it can be read at all.
import { isUtf8 } from "node:buffer";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type LibsqlDatabase, readStatement } from "./libsql-native.ts";
import { describeSchema, type SchemaText, schemaRows } from "./libsql-risk.ts";

/** A file in UTF-16 has no bytes that are no text: SQLite translates them. */
const schemaBytes = `SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master
  WHERE (SELECT encoding FROM pragma_encoding) = 'UTF-8'`;

/** The names of a damaged schema would end the process, where they are read and where a column has one. Errors: `corrupt`. */
export function assertReadableSchema(database: LibsqlDatabase, path: string): void {
  for (const [, name, ...rest] of readStatement(database, schemaBytes).all([])) {
    if ([name, ...rest].every((bytes) => !(bytes instanceof Uint8Array) || isUtf8(bytes))) continue;
    const shown = Buffer.from(name as Uint8Array).toString("utf8");
    throw new CuittyError("corrupt", `${path}: the definition of ${shown} is no UTF-8; the file is damaged: restore a backup`, {
      details: { path },
    });
  }
}

/** Where the text of the schema's tables comes from. Errors: `corrupt`. */
export function readSchema(database: LibsqlDatabase, path: string): SchemaText {
  // Another process may have changed it since the file was opened.
  assertReadableSchema(database, path);
  return describeSchema(database.prepare(schemaRows).raw(true).all([]));
}
