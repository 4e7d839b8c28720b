// Options of `createStore`, checked in one place.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { PersistAdapter } from "./adapter.ts";
import type { Collections } from "./facets/schemas.ts";
import { checkKeyOptions } from "./key-options.ts";
import type { KeyStorageMode } from "./keys/key-storage.ts";

export type AdapterName = "sqlite" | "memory" | "indexeddb";

/** Which store is opened, where it lives and how it is sealed. */
export interface StoreOptions {
  /** Names the store: 1 to 128 characters, no "/" or "\". */
  readonly name: string;
  /** Where the data lives. @default "sqlite", in a browser "indexeddb" */
  readonly adapter?: AdapterName | PersistAdapter | undefined;
  /** File of the `sqlite` adapter; folders are made. @default "./data/<name>.db" */
  readonly path?: string | undefined;
  /** Encrypts every value and name before it leaves this process. Fixed when the store is made. @default false */
  readonly encrypt?: boolean | undefined;
  /** An exported key, a recovery code, or 32 bytes. @default made on first use and kept in `keyStorage` */
  readonly key?: string | Uint8Array | undefined;
  /** Of a key that was exported with one. */
  readonly passphrase?: string | undefined;
  /** Where the key is kept between runs. @default "auto" */
  readonly keyStorage?: KeyStorageMode | undefined;
  /** Path of the key file, where one is used. @default the store's path with ".key" */
  readonly keyFile?: string | undefined;
  /** Schemas of record collections. */
  readonly collections?: Collections | undefined;
  /** `full`: a resolved write survives a power cut. `normal`: it survives a crash of the process. `sqlite` and `indexeddb` only. @default "full" */
  readonly durability?: "full" | "normal" | undefined;
  /** Called with errors nobody awaits. @default they reach only listeners of `events.on("error")` */
  readonly onError?: ((error: CuittyError) => void) | undefined;
  /** Milliseconds since 1970. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** Documented, and part of a later release; naming one is a clear error, never silently ignored. */
const laterAdapters = ["postgres", "s3", "p2p"];
const laterOptions = ["sync"] as const;
const adapterOptions: Readonly<Record<string, readonly string[]>> = {
  connection: ["postgres"],
  pool: ["postgres"],
  bucket: ["s3"],
  region: ["s3"],
  credentials: ["s3"],
  endpoint: ["s3"],
  prefix: ["s3"],
  discovery: ["p2p"],
};
const known = new Set([
  "name",
  "adapter",
  "path",
  "encrypt",
  "key",
  "passphrase",
  "keyStorage",
  "keyFile",
  "collections",
  "durability",
  "onError",
  "clock",
]);

export interface CheckedOptions extends StoreOptions {
  readonly adapter: AdapterName | PersistAdapter;
  readonly encrypt: boolean;
  readonly keyStorage: KeyStorageMode;
  readonly durability: "full" | "normal";
  readonly clock: () => number;
}

/** Errors: `invalid_option`, `unsupported_option`. */
export function checkOptions(options: StoreOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) throw invalid("createStore takes an options object with at least a name");
  refuseLater(options as unknown as Record<string, unknown>);
  const isBrowser = typeof globalThis.indexedDB !== "undefined" && globalThis.process?.versions?.node === undefined;
  const checked = {
    ...options,
    adapter: given(options.adapter, isBrowser ? "indexeddb" : "sqlite"),
    encrypt: given(options.encrypt, false),
    keyStorage: given(options.keyStorage, "auto"),
    durability: given(options.durability, "full"),
    clock: given(options.clock, Date.now),
  };
  checkTypes(checked);
  checkAdapter(checked.adapter);
  checkCombinations(checked);
  checkKeyOptions(checked, options);
  return { ...checked, clock: options.clock ? wholeMs(options.clock) : Date.now };
}

/** null is not the default: it comes out of a setting that was meant to say something. */
function given<T>(value: T | undefined, byDefault: NoInfer<T>): T {
  return value === undefined ? byDefault : value;
}

/** A clock may count fractions, as `performance` does; ids and ends are made of whole milliseconds. */
function wholeMs(clock: () => number): () => number {
  return () => {
    const now = clock();
    if (typeof now === "number" && now >= 0 && now <= Number.MAX_SAFE_INTEGER) return Math.floor(now);
    throw invalid(`clock must give milliseconds since 1970, got ${String(now)}`);
  };
}

function refuseLater(options: Record<string, unknown>): void {
  const { adapter } = options;
  if (typeof adapter === "string" && laterAdapters.includes(adapter)) {
    throw unsupported(
      `adapter "${adapter}" is not in this release; use "sqlite", "memory", "indexeddb" or an adapter of your own`,
      "adapter",
    );
  }
  for (const name of laterOptions) {
    if (options[name] !== undefined) throw unsupported(`${name} is not in this release; leave it out: the store works locally`, name);
  }
  for (const name of Object.keys(options)) {
    if (options[name] === undefined || known.has(name)) continue;
    const belongsTo = adapterOptions[name];
    if (belongsTo) throw unsupported(`${name} belongs to adapter "${belongsTo[0]}", which is not in this release`, name);
    throw invalid(`${name} is no option of createStore; known are ${[...known].join(", ")}`);
  }
}

function checkTypes(options: CheckedOptions): void {
  const { name, path, encrypt, key, passphrase, keyStorage, keyFile, durability, clock, onError } = options;
  if (typeof name !== "string" || name.length === 0 || name.length > 128 || /[/\\\0]/.test(name)) {
    throw invalid('name must be 1 to 128 characters without "/", "\\" or NUL');
  }
  if (path !== undefined && (typeof path !== "string" || path.length === 0 || path.includes("\0")))
    throw invalid("path must be the path of a file");
  if (typeof encrypt !== "boolean") throw invalid(`encrypt must be true or false, got ${kindOf(encrypt)}`);
  if (key !== undefined && typeof key !== "string" && !(key instanceof Uint8Array))
    throw invalid(`key must be text or 32 bytes, got ${typeof key}`);
  if (passphrase !== undefined && typeof passphrase !== "string") throw invalid(`passphrase must be a string, got ${typeof passphrase}`);
  if (!["auto", "keychain", "file", "none"].includes(keyStorage)) throw invalid('keyStorage must be "auto", "keychain", "file" or "none"');
  if (keyFile !== undefined && (typeof keyFile !== "string" || keyFile.length === 0)) throw invalid("keyFile must be the path of a file");
  if (durability !== "full" && durability !== "normal") throw invalid('durability must be "full" or "normal"');
  if (typeof clock !== "function") throw invalid("clock must be a function that returns milliseconds");
  if (onError !== undefined && typeof onError !== "function") throw invalid("onError must be a function");
}

function checkAdapter(adapter: AdapterName | PersistAdapter): void {
  if (adapter === "sqlite" || adapter === "memory" || adapter === "indexeddb") return;
  if (typeof adapter !== "object" || adapter === null) {
    throw invalid(
      `adapter must be "sqlite", "memory", "indexeddb" or an object with get, put, delete and list, got ${JSON.stringify(adapter)}`,
    );
  }
  const missing = (["get", "put", "delete", "list"] as const).filter((method) => typeof adapter[method] !== "function");
  if (missing.length > 0) throw invalid(`the adapter lacks ${missing.join(", ")}; an adapter has get, put, delete and list`);
  if (adapter.capabilities?.atomicBatch && typeof adapter.batch !== "function")
    throw invalid("the adapter declares atomicBatch but has no batch method");
}

function checkCombinations({ adapter, path, durability }: CheckedOptions): void {
  if (path !== undefined && adapter !== "sqlite") throw invalid(`path belongs to adapter "sqlite"; adapter ${nameOf(adapter)} has no file`);
  if (durability === "normal" && adapter !== "sqlite" && adapter !== "indexeddb")
    throw invalid('durability belongs to adapters "sqlite" and "indexeddb"');
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function nameOf(adapter: AdapterName | PersistAdapter): string {
  return typeof adapter === "string" ? `"${adapter}"` : "of your own";
}

function invalid(message: string): CuittyError {
  return new CuittyError("invalid_option", message);
}

function unsupported(message: string, option: string): CuittyError {
  return new CuittyError("unsupported_option", message, { details: { option } });
}
