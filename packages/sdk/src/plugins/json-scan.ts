// Walks compact JSON text without building values: where a string or a value ends, and whether it is valid.

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;
const maxDepth = 60;

/** A text that is walked once, from left to right. */
export interface Scan {
  readonly text: string;
  /** Where the next backslash is, so that strings without one are found by a plain search. */
  backslashAt: number;
}

// Whatever comes before the space.
const controlCharacter = /[^ -\uffff]/;

/** Starts a walk, or returns undefined when the text holds a raw control character, which JSON allows in no string and compact JSON nowhere. */
export function startScan(text: string): Scan | undefined {
  return controlCharacter.test(text) ? undefined : { text, backslashAt: nextBackslash(text, 0) };
}

function nextBackslash(text: string, from: number): number {
  const at = text.indexOf("\\", from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}

/** Index after the string literal that starts at `at`, or -1 when there is none or it is not valid JSON. */
export function endOfString(scan: Scan, at: number): number {
  const { text } = scan;
  if (text.charCodeAt(at) !== quote) return -1;
  if (scan.backslashAt < at) scan.backslashAt = nextBackslash(text, at);
  let end = text.indexOf('"', at + 1);
  while (end > scan.backslashAt) {
    const afterEscape = endOfEscape(text, scan.backslashAt);
    if (afterEscape < 0) return -1;
    scan.backslashAt = nextBackslash(text, afterEscape);
    if (end < afterEscape) end = text.indexOf('"', afterEscape);
  }
  return end < 0 ? -1 : end + 1;
}

function endOfEscape(text: string, at: number): number {
  const kind = text[at + 1];
  if (kind === "u") return /^[0-9a-fA-F]{4}$/.test(text.slice(at + 2, at + 6)) ? at + 6 : -1;
  return kind !== undefined && '"\\/bfnrt'.includes(kind) ? at + 2 : -1;
}

const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[,}\]])/y;

/** Index after the value that starts at `at`, or -1 when it is not valid compact JSON or nested deeper than a server would take. */
export function endOfValue(scan: Scan, at: number, depth = 0): number {
  switch (scan.text.charCodeAt(at)) {
    case quote:
      return endOfString(scan, at);
    case openBrace:
      return depth < maxDepth ? endOfObject(scan, at, depth + 1) : -1;
    case openBracket:
      return depth < maxDepth ? endOfArray(scan, at, depth + 1) : -1;
    default:
      return endOfScalar(scan.text, at);
  }
}

function endOfScalar(text: string, at: number): number {
  // Whole numbers are what most scalars are; a leading zero is left to the pattern.
  let i = at;
  let code = text.charCodeAt(i);
  if (code > 48 && code <= 57) {
    do {
      i += 1;
      code = text.charCodeAt(i);
    } while (code >= 48 && code <= 57);
    if (code === comma || code === closeBrace || code === closeBracket) return i;
  }
  scalar.lastIndex = at;
  return scalar.test(text) ? scalar.lastIndex : -1;
}

function endOfObject(scan: Scan, at: number, depth: number): number {
  if (scan.text.charCodeAt(at + 1) === closeBrace) return at + 2;
  let i = at + 1;
  for (;;) {
    const keyEnd = endOfString(scan, i);
    if (keyEnd < 0 || scan.text.charCodeAt(keyEnd) !== colon) return -1;
    i = endOfValue(scan, keyEnd + 1, depth);
    if (i < 0) return -1;
    const code = scan.text.charCodeAt(i);
    if (code === closeBrace) return i + 1;
    if (code !== comma) return -1;
    i += 1;
  }
}

function endOfArray(scan: Scan, at: number, depth: number): number {
  if (scan.text.charCodeAt(at + 1) === closeBracket) return at + 2;
  let i = at + 1;
  for (;;) {
    i = endOfValue(scan, i, depth);
    if (i < 0) return -1;
    const code = scan.text.charCodeAt(i);
    if (code === closeBracket) return i + 1;
    if (code !== comma) return -1;
    i += 1;
  }
}
