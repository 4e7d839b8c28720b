// Segment keys: derived from an epoch key with a fresh salt, kept for reading, replaced for writing after 2^20 values.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type Awaitable, bytesToHex, concatBytes, lengthPrefixed, u32, utf8 } from "./bytes.ts";
import { commitmentBytes, isOfSegment, readHeader, type Segment, saltBytes, segmentHeader } from "./envelope.ts";
import { hkdf } from "./primitives.ts";
import type { CryptoProvider } from "./providers/provider.ts";

/** Far below the 2^32 values at which random nonces of one AES-GCM key become unsafe (NIST SP 800-38D section 8.3). */
const segmentWrites = 2 ** 20;
const cachedSegments = 1024;
const keyBytes = 32;

export interface SegmentSource {
  readonly provider: CryptoProvider;
  readonly storeId: Uint8Array;
  /** The 32-byte key of an epoch, or undefined when the ring does not hold it. */
  epochKey(epoch: number): Uint8Array | undefined;
  random(size: number): Uint8Array;
}

export async function deriveSegment(source: SegmentSource, epoch: number, salt: Uint8Array): Promise<Segment> {
  const epochKey = source.epochKey(epoch);
  if (!epochKey)
    throw new CuittyError(
      "key_missing",
      `the key ring holds no key of epoch ${epoch}; import the key that was exported after the last rotation`,
    );
  const info = concatBytes(utf8("cuitty/persist/v1"), lengthPrefixed(source.storeId, utf8("segment"), u32(epoch)));
  const material = await hkdf(source.provider, epochKey, { salt, info, length: keyBytes + commitmentBytes });
  return {
    epoch,
    key: await source.provider.gcmKey(material.slice(0, keyBytes)),
    header: segmentHeader(epoch, salt, material.slice(keyBytes)),
  };
}

/** Segments of one open store. */
export interface Segments {
  /** The segment to write with: of the newest epoch, salted afresh at open, at rotation and every 2^20 values. */
  forWriting(epoch: number): Awaitable<Segment>;
  /** The segment an envelope names. Errors: `tampered`, `newer_format`, `key_missing`, `wrong_key` when the commitment is of another key. */
  forReading(envelope: Uint8Array): Awaitable<Segment>;
}

export function createSegments(source: SegmentSource): Segments {
  const byId = new Map<string, Promise<Segment>>();
  let recent: Segment | undefined;
  let current: Segment | undefined;
  let next: Promise<Segment> | undefined;
  let written = 0;

  function renew(epoch: number): Promise<Segment> {
    const pending = next ?? deriveSegment(source, epoch, source.random(saltBytes));
    next = pending;
    return pending.then(
      (segment) => {
        if (next === pending) {
          next = undefined;
          current = segment;
          written = 0;
        }
        written++;
        return segment;
      },
      (error: unknown) => {
        next = undefined;
        throw error;
      },
    );
  }

  async function derive(envelope: Uint8Array): Promise<Segment> {
    const header = readHeader(envelope);
    const id = bytesToHex(header.salt) + header.epoch;
    const known = byId.get(id) ?? deriveSegment(source, header.epoch, header.salt);
    // Re-inserting keeps the map in order of last use.
    byId.delete(id);
    byId.set(id, known);
    if (byId.size > cachedSegments) byId.delete(byId.keys().next().value!);
    try {
      recent = committed(await known, envelope);
      return recent;
    } catch (error) {
      byId.delete(id);
      throw error;
    }
  }

  return {
    forWriting(epoch) {
      if (current?.epoch === epoch && written < segmentWrites) {
        written++;
        return current;
      }
      return renew(epoch);
    },
    forReading(envelope) {
      if (recent && isOfSegment(envelope, recent)) return recent;
      if (current && isOfSegment(envelope, current)) return current;
      return derive(envelope);
    },
  };
}

function committed(segment: Segment, envelope: Uint8Array): Segment {
  if (!isOfSegment(envelope, segment)) {
    throw new CuittyError(
      "wrong_key",
      "the value was sealed with another key, or its header was changed; pass the key this store was made with",
    );
  }
  return segment;
}
