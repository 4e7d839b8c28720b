// Byte helpers shared by the envelope, the key ring and the path tokens; no dependency on any runtime.

const encoder = new TextEncoder();
// A byte order mark inside a value is part of the value.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A value, or a promise of one. Synchronous providers stay synchronous, so that a read costs no extra turn of the event loop. */
export type Awaitable<T> = T | Promise<T>;

export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | undefined)?.then === "function";
}

/** Runs `next` now for a value, later for a promise. */
export function chain<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** Node's Buffer where there is one: several times as fast on short texts. A property of globalThis, so that no bundler adds a polyfill. */
const NodeBuffer = (globalThis as { Buffer?: NodeBufferLike }).Buffer;

interface NodeBufferLike {
  allocUnsafeSlow(size: number): Uint8Array;
  from(text: string, encoding: "utf8"): Uint8Array;
  from(buffer: ArrayBufferLike, offset: number, length: number): { toString(encoding: "base64url"): string };
}

export function utf8(text: string): Uint8Array {
  return NodeBuffer ? NodeBuffer.from(text, "utf8") : encoder.encode(text);
}

/** Bytes to write text into: where there is a Buffer, writing into it is several times as fast. */
export function allocateBytes(size: number): Uint8Array {
  return NodeBuffer ? NodeBuffer.allocUnsafeSlow(size) : new Uint8Array(size);
}

interface Utf8Slice {
  utf8Slice?(start: number, end: number): string;
}

interface Utf8Write {
  utf8Write?(text: string, offset: number): number;
}

/** Writes the text's UTF-8 from `offset` on, into bytes with room for three times its length; returns how many bytes it took. */
export function writeUtf8(text: string, target: Uint8Array, offset: number): number {
  return (target as Utf8Write).utf8Write?.(text, offset) ?? encoder.encodeInto(text, target.subarray(offset)).written;
}

/** Part of bytes as text; of bytes this package encoded and authenticated itself, anything else would need a strict decoder. */
export function textIn(bytes: Uint8Array, start: number, end: number): string {
  return (bytes as Utf8Slice).utf8Slice?.(start, end) ?? decoder.decode(bytes.subarray(start, end));
}

export function utf8ToText(bytes: Uint8Array): string {
  return textIn(bytes, 0, bytes.length);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** 4 bytes, big-endian. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

export function writeU32(value: number, target: Uint8Array, offset: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

export function readU32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** Every part preceded by its length, so that no two lists of parts give the same bytes. */
export function lengthPrefixed(...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...parts.flatMap((part) => [u32(part.length), part]));
}

/** Compares without leaking where the first difference is. Lengths are not secret. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}

export function bytesToHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Arrays up to this size stand in the JavaScript heap until somebody asks for their buffer, which costs more than encoding them here. */
const shortBytes = 64;

/** Base64url without padding (RFC 4648 section 5). */
export function bytesToBase64Url(bytes: Uint8Array): string {
  if (NodeBuffer && bytes.length > shortBytes) return NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
  let text = "";
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text += alphabet[word >>> 18]! + alphabet[(word >>> 12) & 63]! + alphabet[(word >>> 6) & 63]! + alphabet[word & 63]!;
  }
  const left = bytes.length - i;
  if (left === 1) text += alphabet[bytes[i]! >>> 2]! + alphabet[(bytes[i]! & 3) << 4]!;
  if (left === 2) {
    const word = (bytes[i]! << 8) | bytes[i + 1]!;
    text += alphabet[word >>> 10]! + alphabet[(word >>> 4) & 63]! + alphabet[(word & 15) << 2]!;
  }
  return text;
}

/** Undefined for text that is not canonical base64url: one byte string has one spelling. */
export function base64UrlToBytes(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let word = 0;
  let bits = 0;
  let offset = 0;
  for (let i = 0; i < text.length; i++) {
    const value = base64Value(text.charCodeAt(i));
    if (value < 0) return undefined;
    word = ((word << 6) | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset++] = (word >>> bits) & 255;
    }
  }
  return (word & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function base64Value(code: number): number {
  if (code >= 65 && code <= 90) return code - 65;
  if (code >= 97 && code <= 122) return code - 71;
  if (code >= 48 && code <= 57) return code + 4;
  if (code === 45) return 62;
  return code === 95 ? 63 : -1;
}

export const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

export function isWellFormed(text: string): boolean {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native ? native.call(text) : !loneSurrogate.test(text);
}
