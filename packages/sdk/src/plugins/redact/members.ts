// Finds what stands behind the name of a secret inside of a text that holds objects, as JSON or as consoles show them: `"password":"..."`, `{ password: '...' }`.
import { REDACTED } from "./secret-text.ts";

// Texts come from strangers: what is looked for at each beginning has an end, so that the time is in proportion to the length.
// Within a text that is JSON itself, quotes stand behind backslashes.
const beginning = /(?:(\\{0,7}["'])([\w.-]{1,64})\1|(?<![\w.-])([\w.-]{1,64}))\s{0,16}:\s{0,16}(?:(\\{0,7})(["'`])|(?=-?\d))/g;
const number = /-?\d[\d.eE+-]*/y;
/** `Unexpected token: '<'` tells no secret. */
const minSecretChars = 3;

/** Whether a value of that name is a secret. */
export type IsSecret = (name: string, value: string) => boolean;

interface Found {
  readonly start: number;
  readonly end: number;
  readonly mask: string;
}

/** The text with the texts and numbers behind the names of secrets replaced; where one has no end, with all that follows. */
export function redactMembers(text: string, isSecret: IsSecret): string {
  if (!text.includes(":") || !/["'`]/.test(text)) return text;
  let done = "";
  let doneTo = 0;
  beginning.lastIndex = 0;
  for (let match = beginning.exec(text); match !== null; match = beginning.exec(text)) {
    const found = match[5] === undefined ? numberOf(text, match) : textOf(text, match);
    const name = match[2] ?? match[3] ?? "";
    if (found === undefined || !isSecret(name, text.slice(found.start, found.end))) continue;
    done += text.slice(doneTo, found.start) + found.mask;
    doneTo = found.end;
    beginning.lastIndex = doneTo;
  }
  return done + text.slice(doneTo);
}

/** `{"pin":1234}`, but not `password: 3 tries`. */
function numberOf(text: string, { 0: { length }, 1: quote, index }: RegExpExecArray): Found | undefined {
  const start = index + length;
  number.lastIndex = start;
  const [digits = ""] = (quote !== undefined && number.exec(text)) || [];
  return digits === "" ? undefined : { start, end: start + digits.length, mask: quote + REDACTED + quote };
}

function textOf(text: string, { 0: { length }, 4: { length: escapes } = "", 5: quote = "", index }: RegExpExecArray): Found | undefined {
  const start = index + length;
  const end = endOfText(text, start, { quote, escapes });
  const isTold = end - start < minSecretChars || text.startsWith(REDACTED, start);
  return isTold ? undefined : { start, end, mask: REDACTED };
}

/** A quote ends a text when as many backslashes stand in front as in front of the one that begins it; what is escaped within it has more. */
function endOfText(text: string, start: number, { quote, escapes }: { readonly quote: string; readonly escapes: number }): number {
  for (let at = text.indexOf(quote, start); at >= 0; at = text.indexOf(quote, at + 1)) {
    let backslashes = 0;
    while (at - backslashes > start && text[at - backslashes - 1] === "\\") backslashes += 1;
    if (backslashes % (2 * escapes + 2) === escapes) return at - escapes;
  }
  return text.length;
}
