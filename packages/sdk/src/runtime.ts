// What the core needs from the place it runs in; one implementation for Node and Bun, one for browsers and edge runtimes.
import type { SpoolAdapter, SpoolOption } from "./spool.ts";

/** Signs bytes with HMAC-SHA256; lower-case hex. All implementations give the same text. */
export type Sign = (bytes: Uint8Array, secret: string) => string | Promise<string>;

/** Compresses bytes with gzip. */
export type Gzip = (bytes: Uint8Array) => Promise<Uint8Array>;

/** The parts of a client that a runtime's own exit or unload hooks may use; nothing in it throws or rejects. */
export interface Lifecycle {
  /** Events held. */
  pending(): number;
  /** Sends what is held for at most `ms`; without patience it does not wait for retries. */
  flush(ms: number, isPatient?: boolean): Promise<void>;
  /** Ends the request or wait under way. */
  interrupt(): void;
  /** Writes everything held to the spool at once; does nothing without one. */
  spill(): void;
}

/** A runtime. Everything in it is called late: importing one opens nothing and starts nothing. */
export interface Runtime {
  /** Units: UTF-8 bytes. */
  byteLength(text: string): number;
  /** Writes one line where the developer looks. */
  write(line: string): void;
  loadSign(): Promise<Sign>;
  /** Undefined where there is no gzip. */
  loadGzip(): Promise<Gzip | undefined>;
  openSpool(option: SpoolOption): SpoolAdapter | Promise<SpoolAdapter>;
  /** Installs exit or unload hooks; returns the function that takes them off again. */
  attach(lifecycle: Lifecycle): () => void;
}
