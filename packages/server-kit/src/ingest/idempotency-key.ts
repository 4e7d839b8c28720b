// Reads the idempotency key of a request from its header or an alias.
import { CuittyError, IDEMPOTENCY_KEY_HEADERS, LIMITS } from "@cuitty/wire-protocol";
import type { Exchange } from "./exchange.ts";

const names = IDEMPOTENCY_KEY_HEADERS.map((name) => name.toLowerCase());
const visibleAscii = /^[\x21-\x7e]+$/;
const quoted = /^"([^"\\]*)"$/;

/** Null when the client sent none. Errors: `idempotency_key_invalid`; a repeated header is joined with ", " and so invalid too. */
export function idempotencyKeyOf(exchange: Pick<Exchange, "header">): string | null {
  for (const name of names) {
    const value = exchange.header(name);
    if (value !== null) return checked(value);
  }
  return null;
}

/** The IETF draft's header is a quoted string; quoted and bare name the same key. */
function checked(value: string): string {
  const key = quoted.exec(value)?.[1] ?? value;
  const { idempotencyKeyMinChars: min, idempotencyKeyMaxChars: max } = LIMITS;
  if (key.length >= min && key.length <= max && visibleAscii.test(key)) return key;
  throw new CuittyError(
    "idempotency_key_invalid",
    `Expected an idempotency key of ${min} to ${max} visible ASCII characters, such as a UUID`,
  );
}
