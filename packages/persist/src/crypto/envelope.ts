// The versioned envelope every sealed value stands in, and sealing and opening one with a segment at hand.
import { CuittyError } from "@cuitty/wire-protocol";
import { type Awaitable, chain, concatBytes, lengthPrefixed, readU32, u32, utf8 } from "./bytes.ts";
import type { CryptoProvider, PreparedKey } from "./providers/provider.ts";

// Envelope v1: 'C' 'K' | version | suite | flags | epoch u32 | salt 24 | commitment 32 | random 12 | ciphertext | tag 16
const magic0 = 0x43;
const magic1 = 0x4b;
const version1 = 1;
/** Suite 1: HKDF-SHA-256 segment keys, AES-256-GCM. */
const suite1 = 1;
export const saltBytes = 24;
export const commitmentBytes = 32;
export const nonceBytes = 12;
const tagBytes = 16;
const segmentBytes = 5 + 4 + saltBytes + commitmentBytes;
const headerBytes = segmentBytes + nonceBytes;

/** Bytes an envelope adds to its plaintext. */
export const envelopeOverheadBytes = headerBytes + tagBytes;

/** A key that seals up to 2^20 values. Its id is the salt; the commitment ties salt, epoch and store to one epoch key. */
export interface Segment {
  readonly epoch: number;
  readonly key: PreparedKey;
  /** The first 65 bytes of every envelope of this segment: magic to commitment. */
  readonly header: Uint8Array;
}

/** What reader and writer must both hold: a value sealed for one place opens at no other. */
export interface Place {
  /** Store and facet, length-prefixed. */
  readonly scope: Uint8Array;
  /** The row's name, authenticated with its value. */
  readonly key: string;
  /** At least 12 bytes, secret-derived from the path; XORed into the nonce. */
  readonly mask: Uint8Array;
}

export function scopeOf(storeId: Uint8Array, facet: string): Uint8Array {
  return lengthPrefixed(storeId, utf8(facet));
}

export function segmentHeader(epoch: number, salt: Uint8Array, commitment: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(magic0, magic1, version1, suite1, 0), u32(epoch), salt, commitment);
}

export interface EnvelopeHeader {
  readonly epoch: number;
  readonly salt: Uint8Array;
  readonly commitment: Uint8Array;
}

/** Reads the header. Errors: `tampered` for bytes that are no envelope, `newer_format` for a version, suite or flag this version does not know. */
export function readHeader(envelope: Uint8Array): EnvelopeHeader {
  if (envelope.length < envelopeOverheadBytes || envelope[0] !== magic0 || envelope[1] !== magic1) {
    throw new CuittyError(
      "tampered",
      `expected a sealed value of at least ${envelopeOverheadBytes} bytes, got ${envelope.length} bytes that are none`,
    );
  }
  if (envelope[2] !== version1 || envelope[3] !== suite1 || envelope[4] !== 0) {
    throw new CuittyError(
      "newer_format",
      `the value is sealed as version ${envelope[2]}, suite ${envelope[3]}, flags ${envelope[4]}; this release reads version 1, suite 1: upgrade @cuitty/persist`,
    );
  }
  return {
    epoch: readU32(envelope, 5),
    salt: envelope.subarray(9, 9 + saltBytes),
    commitment: envelope.subarray(9 + saltBytes, 9 + saltBytes + commitmentBytes),
  };
}

/** Whether an envelope was sealed with this segment, as far as its header tells. */
export function isOfSegment(envelope: Uint8Array, segment: Segment): boolean {
  if (envelope.length < envelopeOverheadBytes) return false;
  for (let i = 0; i < segmentBytes; i++) if (envelope[i] !== segment.header[i]) return false;
  return true;
}

/** The nonce of a value is fresh random bytes XOR the token of its path: derived from key and path, and never the same twice. */
function nonceOf(envelope: Uint8Array, mask: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(nonceBytes);
  for (let i = 0; i < nonceBytes; i++) nonce[i] = envelope[segmentBytes + i]! ^ mask[i]!;
  return nonce;
}

/** Header, store, facet and key, the variable ones behind their lengths. */
function aadOf(envelope: Uint8Array, { scope, key }: Place): Uint8Array {
  const name = utf8(key);
  const aad = new Uint8Array(headerBytes + scope.length + 4 + name.length);
  for (let i = 0; i < headerBytes; i++) aad[i] = envelope[i]!;
  aad.set(scope, headerBytes);
  const at = headerBytes + scope.length;
  aad[at] = name.length >>> 24;
  aad[at + 1] = name.length >>> 16;
  aad[at + 2] = name.length >>> 8;
  aad[at + 3] = name.length;
  aad.set(name, at + 4);
  return aad;
}

export interface SealInput {
  readonly segment: Segment;
  readonly place: Place;
  /** 12 fresh random bytes. */
  readonly random: Uint8Array;
  readonly plaintext: Uint8Array;
}

export function sealEnvelope(provider: CryptoProvider, { segment, place, random, plaintext }: SealInput): Awaitable<Uint8Array> {
  const envelope = new Uint8Array(envelopeOverheadBytes + plaintext.length);
  envelope.set(segment.header);
  envelope.set(random, segmentBytes);
  const message = { nonce: nonceOf(envelope, place.mask), aad: aadOf(envelope, place), data: plaintext };
  return chain(provider.gcmSeal(segment.key, message), (sealed) => {
    envelope.set(sealed, headerBytes);
    return envelope;
  });
}

export interface OpenInput {
  readonly segment: Segment;
  readonly place: Place;
  readonly envelope: Uint8Array;
}

/** Errors: `tampered` when any bit of the envelope or its place is not as sealed. */
export function openEnvelope(provider: CryptoProvider, { segment, place, envelope }: OpenInput): Awaitable<Uint8Array> {
  const message = { nonce: nonceOf(envelope, place.mask), aad: aadOf(envelope, place), data: envelope.subarray(headerBytes) };
  return chain(provider.gcmOpen(segment.key, message), (plaintext) => {
    if (plaintext === undefined) {
      throw new CuittyError(
        "tampered",
        "a sealed value was changed, cut short, or moved from another path or store; restore it from a backup",
      );
    }
    return plaintext;
  });
}
