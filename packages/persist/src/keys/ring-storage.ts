// A store's key ring in the places of this device: what is kept there only grows, until newer keys of the same ring take its place.
import { bytesToHex } from "../crypto/bytes.ts";
import { createKeyRing, type KeyRing, ringToText, textToRing } from "../crypto/key-ring.ts";
import type { CryptoProvider } from "../crypto/providers/provider.ts";
import type { KeyStorage } from "./key-storage.ts";

export interface RingStorage {
  /** Rings kept on this device, one of each place that has one that can be read. Errors: those of the places, `key_invalid`, when there is none. */
  load(): Promise<readonly KeyRing[]>;
  /**
   * Adds the newest keys of `next`, a ring that goes on from `proven`, which opens the store. False, with nothing saved, when the place has got another key
   * of a newer epoch meanwhile: the ring must go on from that one.
   */
  keep(next: KeyRing, proven: KeyRing): Promise<boolean>;
}

export interface RingStorageParts {
  readonly provider: CryptoProvider;
  readonly storage: KeyStorage;
  readonly storeId: Uint8Array;
}

export function createRingStorage({ provider, storage, storeId }: RingStorageParts): RingStorage {
  const id = bytesToHex(storeId);
  return {
    async load() {
      const texts = await storage.load(id);
      const rings = await Promise.allSettled(texts.map((text) => textToRing(provider, text)));
      const found = rings.flatMap((ring) => (ring.status === "fulfilled" ? [ring.value] : []));
      const [first] = rings;
      if (found.length === 0 && first?.status === "rejected") throw first.reason;
      return found;
    },
    keep: (next, proven) =>
      storage.update(id, async (saved) => {
        const kept = saved === undefined ? undefined : await textToRing(provider, saved).catch(() => undefined);
        const joined = kept ? joinRings(kept, next) : next;
        // What does not even go with the ring that opens the store is none of its keys.
        if (!joined && joinRings(kept!, proven)) return undefined;
        return ringToText(provider, newestOf(joined ?? next, next));
      }),
  };
}

export interface PendingRing {
  readonly storeId: string;
  readonly ring: KeyRing;
}

/** The keys an interrupted opening has left for the store that is made now, unless others were given. */
export async function pendingRing(
  { provider, storage }: Pick<RingStorageParts, "provider" | "storage">,
  given: KeyRing | undefined,
): Promise<PendingRing | undefined> {
  const left = await storage.pending();
  const ring = left && (await textToRing(provider, left.text).catch(() => undefined));
  if (!ring || (given && !joinRings(ring, given))) return undefined;
  return { storeId: left.storeId, ring: given ?? ring };
}

/** Undefined when they hold different keys of one epoch. */
export function joinRings(one: KeyRing, other: KeyRing): KeyRing | undefined {
  try {
    return one.with(other);
  } catch {
    return undefined;
  }
}

/** The two newest keys are enough: the manifest, sealed under one of them, holds the rest. */
function newestOf(ring: KeyRing, next: KeyRing): KeyRing {
  const first = next.epochs.at(-2) ?? next.oldest;
  return createKeyRing(ring.epochs.filter((epoch) => epoch >= first).map((epoch) => [epoch, ring.key(epoch)!]));
}
