// What a client needs from the place it runs in, in two parts: at once, and beside the engine.
import type { Core, Engine } from "./core.ts";

/** What is needed at once. Importing one opens nothing and starts nothing. */
export interface Runtime {
  /** Units: UTF-8 bytes. */
  byteLength(text: string): number;
  /** Writes one line where the developer looks. */
  write(line: string): void;
  /** Installs exit or unload hooks. Never throws. */
  attach(core: Core): void;
  /** Loads the engine. */
  load(): Promise<{ createEngine(core: Core): Engine }>;
}

/** What the engine needs. */
export interface Platform {
  /** HMAC-SHA256 in lower-case hex; the same text everywhere. */
  sign(bytes: Uint8Array, secret: string): Promise<string>;
  /** Undefined where there is no gzip. */
  gzip(bytes: Uint8Array): Promise<Uint8Array | undefined>;
  /** Calls `request`, which is the fetch of the client. */
  fetch(request: typeof fetch, url: string, init: RequestInit): Promise<Response>;
  /** Opens the spool that the settings name and makes it the core's keeper. Errors: throws or rejects when it cannot. */
  openSpool(core: Core): void | Promise<void>;
  /** What the last requests of a page may still take. Units: bytes. */
  room(): number;
}
