// What the core needs from the place it runs in; one implementation for Node and Bun, one for browsers and edge runtimes.
import type { Delivery } from "./delivery.ts";
import type { Keeper } from "./keeper.ts";
import type { Settings } from "./options.ts";
import type { Stats } from "./stats.ts";

/** A runtime. Importing one opens nothing and starts nothing. */
export interface Runtime {
  /** Units: UTF-8 bytes. */
  byteLength(text: string): number;
  /** Writes one line where the developer looks. */
  write(line: string): void;
  /** HMAC-SHA256 in lower-case hex; the same text everywhere. */
  sign(bytes: Uint8Array, secret: string): Promise<string>;
  /** Undefined where there is no gzip. */
  gzip(bytes: Uint8Array): Promise<Uint8Array | undefined>;
  /** Calls `request`, which is the fetch of the client. */
  fetch(request: typeof fetch, url: string, init: RequestInit): Promise<Response>;
  /** Opens the spool that the settings name. */
  openSpool(settings: Settings, stats: Stats): Keeper | Promise<Keeper>;
  /** Installs exit or unload hooks; returns the function that takes them off again. */
  attach(delivery: Delivery): () => void;
}
