// One bounded walk over parsed JSON: how deep, how large at most, and whether it holds anything that JSON could not store as it is.

export interface Scan {
  isTooDeep: boolean;
  /** Larger than the limit beyond doubt. */
  isTooLarge: boolean;
  /** Some string or key holds half a surrogate pair. */
  isIllFormed: boolean;
  /** A number that is not finite (`1e999`), or a value that JSON does not know. */
  hasOddValue: boolean;
  /** At least as many bytes as the value takes as minimal JSON. */
  mostBytes: number;
}

interface Walk extends Scan {
  readonly maxDepth: number;
  readonly maxBytes: number;
  characters: number;
  values: number;
}

/** Work and recursion are bounded by the two limits, also for cyclic values; the walk ends where one is passed. */
export function scanValue(value: object, maxDepth: number, maxBytes: number): Scan {
  const walk: Walk = {
    isTooDeep: false,
    isTooLarge: false,
    isIllFormed: false,
    hasOddValue: false,
    mostBytes: 0,
    maxDepth,
    maxBytes,
    characters: 0,
    values: 0,
  };
  visit(value, 1, walk);
  // A character takes six bytes at most (`\u001f`), a number 25, and every value a comma or a colon.
  walk.mostBytes = walk.characters * 6 + walk.values * 26;
  return walk;
}

function visit(value: object, depth: number, walk: Walk): void {
  if (depth > walk.maxDepth) walk.isTooDeep = true;
  else if (Array.isArray(value)) visitList(value, depth, walk);
  else visitObject(value as Record<string, unknown>, depth, walk);
}

function visitList(list: readonly unknown[], depth: number, walk: Walk): void {
  // Known before the loop: a sparse array can claim four thousand million elements.
  if (list.length > walk.maxBytes) walk.isTooLarge = true;
  for (let index = 0; index < list.length; index += 1) {
    if (walk.isTooDeep || walk.isTooLarge) return;
    visitMember(list[index], depth, walk);
  }
}

function visitObject(object: Record<string, unknown>, depth: number, walk: Walk): void {
  if (!isPlain(object)) walk.hasOddValue = true;
  const keys = Object.keys(object);
  for (let index = 0; index < keys.length; index += 1) {
    if (walk.isTooDeep || walk.isTooLarge) return;
    const key = keys[index] as string;
    countText(key, walk);
    visitMember(object[key], depth, walk);
  }
}

function visitMember(value: unknown, depth: number, walk: Walk): void {
  walk.values += 1;
  if (typeof value === "string") countText(value, walk);
  else if (typeof value === "number") {
    if (!Number.isFinite(value)) walk.hasOddValue = true;
  } else if (typeof value === "object") {
    if (value !== null) visit(value, depth + 1, walk);
  } else if (typeof value !== "boolean" && value !== undefined) walk.hasOddValue = true;
  if (walk.characters + walk.values > walk.maxBytes) walk.isTooLarge = true;
}

function countText(text: string, walk: Walk): void {
  walk.characters += text.length;
  if (!isWellFormed(text)) walk.isIllFormed = true;
}

const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** `isWellFormed` is in Node 20 and in browsers since 2023, but not in the ES2022 library. */
export function isWellFormed(text: string): boolean {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native === undefined ? !loneSurrogate.test(text) : native.call(text);
}

/** Made by JSON, an object literal or `Object.create(null)`, in any realm; not a Date, Map or class instance. */
export function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Size of a value as minimal JSON in UTF-8. Units: bytes. */
export function exactBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value) ?? "").length;
}

export interface OddValue {
  readonly path: string;
  readonly code: "invalid";
  readonly expected: string;
}

/** Where the first value stands that made `hasOddValue` true. The value has passed `scanValue`, so depth is bounded. */
export function findOddValue(value: unknown, path = "data"): OddValue | null {
  if (typeof value === "number") return Number.isFinite(value) ? null : { path, code: "invalid", expected: "a finite number" };
  if (typeof value === "string" || typeof value === "boolean" || value === undefined || value === null) return null;
  if (typeof value !== "object" || (!Array.isArray(value) && !isPlain(value))) return { path, code: "invalid", expected: "a JSON value" };
  for (const [key, member] of Object.entries(value)) {
    const found = findOddValue(member, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
