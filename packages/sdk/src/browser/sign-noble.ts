// HMAC-SHA256 by noble, for pages without TLS, where WebCrypto is missing.
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** Lower-case hex. Same text as node:crypto and WebCrypto for the same bytes. */
export function sign(bytes: Uint8Array, secret: string): string {
  return bytesToHex(hmac(sha256, new TextEncoder().encode(secret), bytes));
}
