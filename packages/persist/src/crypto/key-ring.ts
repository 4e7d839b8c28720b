// The keys of a store by epoch: a set that only grows, and its text form for backups and other devices.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { base64UrlToBytes, bytesToBase64Url, concatBytes, equalBytes, readU32, u32 } from "./bytes.ts";
import type { CryptoProvider } from "./providers/provider.ts";

export const ringKeyBytes = 32;
const entryBytes = 4 + ringKeyBytes;
const checksumBytes = 4;
const prefix = "cuitty-key-1.";

/** Immutable; `with` gives a larger ring. */
export interface KeyRing {
  /** Epochs in ascending order. */
  readonly epochs: readonly number[];
  readonly newest: number;
  readonly oldest: number;
  key(epoch: number): Uint8Array | undefined;
  /** Errors: `wrong_key` when both rings hold another key for the same epoch. */
  with(other: KeyRing): KeyRing;
}

export function createKeyRing(entries: Iterable<readonly [number, Uint8Array]>): KeyRing {
  const byEpoch = new Map(entries);
  const epochs = [...byEpoch.keys()].sort((a, b) => a - b);
  if (epochs.length === 0) throw new CuittyError("key_invalid", "a key ring needs at least one key");
  for (const key of byEpoch.values()) {
    if (key.length !== ringKeyBytes) throw new CuittyError("key_invalid", `a key has ${ringKeyBytes} bytes, got ${key.length}`);
  }
  return {
    epochs,
    newest: epochs.at(-1)!,
    oldest: epochs[0]!,
    key: (epoch) => byEpoch.get(epoch),
    with(other) {
      for (const epoch of other.epochs) {
        const mine = byEpoch.get(epoch);
        if (mine && !equalBytes(mine, other.key(epoch)!)) {
          throw new CuittyError("wrong_key", `the two key rings hold different keys of epoch ${epoch}; they belong to different stores`);
        }
      }
      return createKeyRing([...byEpoch, ...other.epochs.map((epoch) => [epoch, other.key(epoch)!] as const)]);
    },
  };
}

export function ringToBytes(ring: KeyRing): Uint8Array {
  return concatBytes(...ring.epochs.flatMap((epoch) => [u32(epoch), ring.key(epoch)!]));
}

/** Errors: `key_invalid`. */
export function bytesToRing(bytes: Uint8Array): KeyRing {
  if (bytes.length === 0 || bytes.length % entryBytes !== 0)
    throw new CuittyError("key_invalid", "the key text is incomplete; copy it whole");
  const entries: [number, Uint8Array][] = [];
  for (let at = 0; at < bytes.length; at += entryBytes) entries.push([readU32(bytes, at), bytes.slice(at + 4, at + entryBytes)]);
  return createKeyRing(entries);
}

/** One line of text with a checksum; holds every key of the ring, so keep it as you would keep the data. */
export async function ringToText(provider: CryptoProvider, ring: KeyRing): Promise<string> {
  const bytes = ringToBytes(ring);
  return prefix + bytesToBase64Url(concatBytes(bytes, await checksum(provider, bytes)));
}

/** Errors: `key_invalid` for text that is no exported key or was mistyped. */
export async function textToRing(provider: CryptoProvider, text: string): Promise<KeyRing> {
  if (!text.startsWith(prefix)) {
    throw new CuittyError(
      "key_invalid",
      `expected a key made by store.crypto.exportKey() (it starts with "${prefix}") or a recovery code, got other text`,
    );
  }
  const bytes = base64UrlToBytes(text.slice(prefix.length));
  if (!bytes || bytes.length % entryBytes !== checksumBytes || bytes.length === checksumBytes) {
    throw new CuittyError("key_invalid", "the key text is cut short, or has characters that do not belong to it; copy it whole");
  }
  const body = bytes.subarray(0, bytes.length - checksumBytes);
  if (!equalBytes(await checksum(provider, body), bytes.subarray(bytes.length - checksumBytes))) {
    throw new CuittyError("key_invalid", "the key text is damaged: its checksum does not fit; copy it again");
  }
  return bytesToRing(body);
}

export async function checksum(provider: CryptoProvider, bytes: Uint8Array, size = checksumBytes): Promise<Uint8Array> {
  return (await provider.sha256(bytes)).slice(0, size);
}
