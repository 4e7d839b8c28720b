// Public entry `@cuitty/storage/module-file`: files with an inbox, written in groups.
export type { SqlRow, SqlValue } from "../engine/driver.ts";
export { openModuleFile } from "./open-module-file.ts";
export type {
  IngestOutcome,
  IngestWrite,
  Migration,
  ModuleFile,
  ModuleFileOptions,
  ModuleFileStats,
  RowInsert,
  SqlStatement,
  WriteTransaction,
} from "./types.ts";
