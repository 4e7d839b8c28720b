// Public entry `@cuitty/storage/module-file`: files with an inbox, written in groups.
export type { SqlRow, SqlValue } from "../engine/driver.ts";
export type { BatchOutcome, Objection } from "./ingest-write.ts";
export { openModuleFile } from "./open-module-file.ts";
export { callProcedure, type Procedure, type ProcedureCall } from "./procedure.ts";
export type { ThreadEntry } from "./thread/link.ts";
export { createStorageThread, createStorageThreads, type StorageThread } from "./thread/storage-thread.ts";
export type {
  IngestOutcome,
  IngestWrite,
  Migration,
  ModuleFile,
  ModuleFileOptions,
  ModuleFileStats,
  RowInsert,
  SqlStatement,
  WriteCounts,
  WriteTransaction,
} from "./types.ts";
export { type BatchPart, hasKey, type WriteBatchOptions, writeBatch } from "./write-batch.ts";
