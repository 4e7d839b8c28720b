// The versioned envelope every sealed value stands in, and sealing and opening one with a segment at hand.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type Awaitable, chain, concatBytes, isPromise, lengthPrefixed, readU32, u32, utf8 } from "./bytes.ts";
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

/** Reused between calls of a synchronous provider: a get is a few microseconds, and two allocations are a tenth of them. */
interface Scratch {
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  /** The start of `aad` that was used last; names of one depth are equally long. */
  view: Uint8Array;
}

const maxScratchAad = 2_048;
const scratchByProvider = new WeakMap<CryptoProvider, Scratch>();

function scratchOf(provider: CryptoProvider): Scratch | undefined {
  if (!provider.isSync) return undefined;
  let scratch = scratchByProvider.get(provider);
  if (!scratch) {
    const aad = new Uint8Array(maxScratchAad);
    scratch = { nonce: new Uint8Array(nonceBytes), aad, view: aad };
    scratchByProvider.set(provider, scratch);
  }
  return scratch;
}

/** The nonce of a value is fresh random bytes XOR the token of its path: derived from key and path, and never the same twice. */
function nonceOf(scratch: Scratch | undefined, envelope: Uint8Array, mask: Uint8Array): Uint8Array {
  const nonce = scratch?.nonce ?? new Uint8Array(nonceBytes);
  for (let i = 0; i < nonceBytes; i++) nonce[i] = envelope[segmentBytes + i]! ^ mask[i]!;
  return nonce;
}

/** Header, store, facet and key, the variable ones behind their lengths. */
function aadOf(scratch: Scratch | undefined, envelope: Uint8Array, { scope, key }: Place): Uint8Array {
  const start = headerBytes + scope.length + 4;
  const isScratch = scratch !== undefined && start + key.length * 3 <= maxScratchAad;
  const name = isAscii(key) ? undefined : utf8(key);
  const size = name?.length ?? key.length;
  const aad = isScratch ? scratch.aad : new Uint8Array(start + size);
  for (let i = 0; i < headerBytes; i++) aad[i] = envelope[i]!;
  aad.set(scope, headerBytes);
  aad[start - 4] = size >>> 24;
  aad[start - 3] = size >>> 16;
  aad[start - 2] = size >>> 8;
  aad[start - 1] = size;
  if (name) aad.set(name, start);
  else for (let i = 0; i < size; i++) aad[start + i] = key.charCodeAt(i);
  if (!isScratch) return aad;
  if (scratch.view.length !== start + size) scratch.view = aad.subarray(0, start + size);
  return scratch.view;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
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
  const scratch = scratchOf(provider);
  const message = { nonce: nonceOf(scratch, envelope, place.mask), aad: aadOf(scratch, envelope, place), data: plaintext };
  if (provider.gcmSealInto) {
    provider.gcmSealInto(segment.key, message, envelope, headerBytes);
    return envelope;
  }
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
  const scratch = scratchOf(provider);
  const message = {
    nonce: nonceOf(scratch, envelope, place.mask),
    aad: aadOf(scratch, envelope, place),
    data: envelope.subarray(headerBytes),
  };
  const opened = provider.gcmOpen(segment.key, message);
  return isPromise(opened) ? opened.then(assertOpened) : assertOpened(opened);
}

function assertOpened(plaintext: Uint8Array | undefined): Uint8Array {
  if (plaintext !== undefined) return plaintext;
  throw new CuittyError("tampered", "a sealed value was changed, cut short, or moved from another path or store; restore it from a backup");
}
