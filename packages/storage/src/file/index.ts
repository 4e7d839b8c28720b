// Public entry `@cuitty/storage/file`: libSQL files without Drizzle.
export type { Driver, EngineName, RunResult, SqlRow, SqlValue, Statement, Synchronous } from "../engine/driver.ts";
export { makeFolder } from "../engine/file-path.ts";
export { acquireOwnerLease, type OwnerInfo, type OwnerLease, type OwnerLeaseOptions } from "../engine/owner-lease.ts";
export type { SqlKind } from "../engine/sql-text.ts";
export type { FileKind } from "../migrate/ledger.ts";
export type { Migration } from "../module-file/types.ts";
export { fileSystemError } from "./backup.ts";
export { openFile } from "./open-file.ts";
export { type Place, placeOf } from "./place.ts";
export { type PreparedRestore, prepareRestore, restoreFile } from "./restore.ts";
export type { DoctorReport, FileOptions, FileStats, StorageFile, WriteOptions } from "./types.ts";
