// Public surface of `@cuitty/persist`.

export { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
export type {
  AdapterCapabilities,
  AdapterChange,
  AdapterCondition,
  AdapterEntry,
  AdapterOp,
  AdapterRange,
  ListResult,
  PersistAdapter,
} from "./adapter.ts";
export type { NoticeType, RotationProgress, StoreNotices } from "./core/emitter.ts";
export { createStore, type Store, type StoreStatus } from "./create-store.ts";
export type { Batch } from "./facets/batch.ts";
export type { BlobPutOptions } from "./facets/blob-put.ts";
export type { BlobRange } from "./facets/blob-reader.ts";
export type { BlobSource } from "./facets/blob-source.ts";
export type { BlobProgress, UploadOptions } from "./facets/blob-upload.ts";
export type { BlobInfo, Blobs } from "./facets/blobs.ts";
export type { Entry, EntryList, ListOptions } from "./facets/entries.ts";
export type { EventListOptions, Events, LogEvent } from "./facets/events.ts";
export type { Kv, KvPutOptions } from "./facets/kv.ts";
export type { Records } from "./facets/records.ts";
export type { CollectionOptions, Collections, RecordSchema, Upcaster } from "./facets/schemas.ts";
export type { Change, ChangeListener } from "./facets/watch.ts";
export type { ImportOptions, ImportResult, ImportSource } from "./import-store.ts";
export type { KeyStorageMode } from "./keys/key-storage.ts";
export type { AdapterName, StoreOptions } from "./options.ts";
export type { ExportKeyOptions, RotateOptions, Rotation, StoreCrypto } from "./store-crypto.ts";
