// The store's first row: what format it has, and whether it is encrypted.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type AdapterOp, capabilitiesOf, type PersistAdapter } from "../adapter.ts";
import { bytesToHex } from "../crypto/bytes.ts";
import { assertKnownFormat, currentFormat } from "./format.ts";

export const manifestKey = "meta/manifest";
export const storeIdBytes = 16;
const minSettleMs = 10;

/** As stored, readable: enough to know what is needed to open the rest. */
export interface Manifest {
  readonly cuitty: "persist";
  readonly format: number;
  /** 16 random bytes as hex. */
  readonly storeId: string;
  readonly encrypted: boolean;
  /** Epoch of the key that seals `sealed`. */
  readonly epoch?: number;
  /** The inner manifest as an envelope, base64url. */
  readonly sealed?: string;
}

/** The manifest as read, and the value it was read from. */
export interface Stored {
  readonly value: unknown;
  readonly manifest: Manifest | undefined;
}

/** Errors: `newer_format`, `corrupt`. Undefined when the adapter has no manifest. */
export async function readManifest(adapter: PersistAdapter, bytes: boolean): Promise<Manifest | undefined> {
  return manifestIn(await adapter.get(manifestKey), bytes);
}

/** The manifest in a stored value. Errors: `newer_format`, `corrupt`. */
export function manifestIn(value: unknown, bytes: boolean): Manifest | undefined {
  if (value === undefined || value === null) return undefined;
  const manifest = parse(value, bytes);
  if (manifest?.cuitty !== "persist" || !isFormat(manifest.format) || !isStoreId(manifest.storeId)) {
    throw new CuittyError("corrupt", "the store's manifest cannot be read; restore a backup, or name another place");
  }
  assertKnownFormat(manifest.format);
  return manifest;
}

const isFormat = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
const isStoreId = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{32}$/.test(value);

function parse(value: unknown, bytes: boolean): Manifest | undefined {
  try {
    return bytes ? (JSON.parse(value as string) as Manifest) : (value as Manifest);
  } catch {
    return undefined;
  }
}

/** The change that stores a manifest. */
export function manifestPut(bytes: boolean, manifest: Manifest): AdapterOp & { readonly type: "put" } {
  return { type: "put", key: manifestKey, value: bytes ? JSON.stringify(manifest) : manifest };
}

/** Stores the manifest of a new store; false when another opening was faster: its store is the one that is there. */
export async function createManifest(adapter: PersistAdapter, manifest: Manifest): Promise<boolean> {
  const { bytes, exclusive } = capabilitiesOf(adapter);
  const put = manifestPut(bytes, manifest);
  if (adapter.batchIf && !exclusive) return adapter.batchIf([{ key: manifestKey, value: undefined }], [put]);
  if (exclusive) {
    await adapter.put(put.key, put.value);
    return true;
  }
  const beganAtMs = performance.now();
  if (await readManifest(adapter, bytes)) return false;
  await adapter.put(put.key, put.value);
  // Whoever else found none just before has written by then, and the last one has the store.
  const settledAfterMs = 2 * (performance.now() - beganAtMs) + minSettleMs;
  await new Promise((resolve) => setTimeout(resolve, settledAfterMs));
  return (await readManifest(adapter, bytes))?.storeId === manifest.storeId;
}

export function plainManifest(storeId: Uint8Array, format = currentFormat): Manifest {
  return { cuitty: "persist", format, storeId: bytesToHex(storeId), encrypted: false };
}

export function storeIdOf({ storeId }: Pick<Manifest, "storeId">): Uint8Array {
  return Uint8Array.from(storeId.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
