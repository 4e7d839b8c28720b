// Signs request bodies and verifies signatures: bare hex over the bytes, or the extended form that also covers time and idempotency key.

import { LIMITS } from "./limits.ts";
import { hmacSha256 } from "./signature/hmac.ts";

/** What the extended form of a signature covers beside the body. */
export interface ExtendedSignature {
  /** Units: Unix s. Made anew for each try. */
  readonly timestampSeconds: number;
  /** Names the secret in logs; 1 to 64 of `A-Z a-z 0-9 _ . -`. Servers try every live secret whatever it says. */
  readonly secretId: string;
  readonly idempotencyKey: string;
}

/** A secret that is live: the current one, or during a rotation also the previous one. */
export interface SigningSecret {
  readonly id: string;
  readonly secret: string;
}

export interface VerifyOptions {
  /** Value of `X-Cuitty-Signature`. */
  readonly header: string | null | undefined;
  /** All live secrets; each is tried, in time that does not tell which one matched. */
  readonly secrets: readonly SigningSecret[];
  /** What the client sent as idempotency key; the extended form signs it. @default "" */
  readonly idempotencyKey?: string | undefined;
  /** Refuse the bare form. @default false */
  readonly requireExtended?: boolean | undefined;
  /** Units: Unix ms. @default Date.now() */
  readonly nowMs?: number | undefined;
  /** How far `t` may be from now, both ways. Units: s. @default LIMITS.signatureWindowSeconds */
  readonly windowSeconds?: number | undefined;
}

/** Why a signature does not hold. */
export type SignatureFailure = "missing" | "malformed" | "mismatch" | "outside_window" | "extended_required";

/** `code` is what to answer with; `reason` is for the operator's own log. */
export type Verification =
  | { readonly ok: true; readonly secretId: string; readonly form: "bare" | "extended" }
  | {
      readonly ok: false;
      readonly reason: SignatureFailure;
      readonly code: "signature_required" | "signature_mismatch" | "signature_expired";
    };

const bareForm = /^[0-9a-f]{64}$/;
const extendedForm = /^t=(0|[1-9][0-9]{0,11}),k=([A-Za-z0-9_.-]{1,64}),v1=([0-9a-f]{64})$/;

/** `hex(hmac_sha256(secret, body))` in lower case, as `X-Cuitty-Signature` carries it. Source: wire protocol, "Signing". */
export function signBody(body: Uint8Array, secret: string): string {
  return hexOf(hmacSha256(utf8(secret), [body]));
}

/** `t=<unix s>,k=<secret id>,v1=<hex>`, where `v1` signs `v1\n<t>\n<idempotency key>\n` and the body. */
export function signBodyExtended(body: Uint8Array, secret: string, parts: ExtendedSignature): string {
  const { timestampSeconds, secretId, idempotencyKey } = parts;
  const mac = hmacSha256(utf8(secret), [extendedPrefix(String(timestampSeconds), idempotencyKey), body]);
  return `t=${timestampSeconds},k=${secretId},v1=${hexOf(mac)}`;
}

/**
 * Checks a signature over the exact bytes on the wire. Never throws on any header.
 * **Shape**: upper-case hex, prefixes such as `sha256=`, spaces and lists are `malformed`; only lower-case digits are ours.
 */
export function verifyBody(body: Uint8Array, options: VerifyOptions): Verification {
  const { header, secrets, requireExtended = false } = options;
  if (header === null || header === undefined || header === "") return { ok: false, reason: "missing", code: "signature_required" };
  if (bareForm.test(header)) {
    if (requireExtended) return { ok: false, reason: "extended_required", code: "signature_required" };
    return matchSecret(header, "bare", secrets, [body]);
  }
  const extended = extendedForm.exec(header);
  if (extended === null) return { ok: false, reason: "malformed", code: "signature_mismatch" };
  // `k` is a hint for the operator and not signed: all live secrets are tried, as for the bare form.
  const [, t = "", , hex = ""] = extended;
  const verified = matchSecret(hex, "extended", secrets, [extendedPrefix(t, options.idempotencyKey ?? ""), body]);
  if (!verified.ok || isInWindow(Number(t), options)) return verified;
  return { ok: false, reason: "outside_window", code: "signature_expired" };
}

function isInWindow(t: number, options: VerifyOptions): boolean {
  const { nowMs = Date.now(), windowSeconds = LIMITS.signatureWindowSeconds } = options;
  return Math.abs(nowMs / 1000 - t) <= windowSeconds;
}

function matchSecret(
  hex: string,
  form: "bare" | "extended",
  secrets: readonly SigningSecret[],
  parts: readonly Uint8Array[],
): Verification {
  const given = bytesOfHex(hex);
  let matched: string | undefined;
  // No early end: the time taken must not tell which secret matched.
  for (const { id, secret } of secrets) {
    const isSame = isEqualBytes(hmacSha256(utf8(secret), parts), given);
    if (isSame && matched === undefined) matched = id;
  }
  return matched === undefined ? { ok: false, reason: "mismatch", code: "signature_mismatch" } : { ok: true, secretId: matched, form };
}

/** Whether two byte strings are equal, in time that depends on their lengths alone. Views with offsets are compared as views. */
export function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] as number) ^ (b[index] as number);
  return difference === 0;
}

function extendedPrefix(t: string, idempotencyKey: string): Uint8Array {
  return utf8(`v1\n${t}\n${idempotencyKey}\n`);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += (byte < 16 ? "0" : "") + byte.toString(16);
  return hex;
}

/** The pattern has been checked, so every pair is a byte. */
function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));
}
