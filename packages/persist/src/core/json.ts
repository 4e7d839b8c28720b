// Turns a value into JSON text and refuses what would not come back equal, naming the place inside the value.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { utf8Bytes } from "./paths.ts";

const maxValueBytes = 1024 * 1024;
const maxDepth = 256;

/** Errors: `value_not_json` with the path of the first bad place in message and `details.path`, `value_too_large` above 1 MiB. */
export function toJson(value: unknown): string {
  const text = textOf(value);
  // Three bytes a character is the most UTF-8 needs, so short texts are not measured.
  if (text.length * 3 > maxValueBytes) {
    const bytes = utf8Bytes(text);
    if (bytes > maxValueBytes) {
      throw new CuittyError(
        "value_too_large",
        `a value has at most ${maxValueBytes} bytes as JSON, got ${bytes}; put large data into store.blobs`,
        {
          details: { bytes, maxBytes: maxValueBytes },
        },
      );
    }
  }
  return text;
}

function textOf(value: unknown): string {
  try {
    // Nearly every value passes; where in it something is wrong, and whether it holds itself, is found out only then.
    if (!isFine(value, 0)) check(value, [], new Set());
    return JSON.stringify(value) as string;
  } catch (error) {
    if (isCuittyError(error)) throw error;
    throw new CuittyError("value_not_json", "the value cannot be read: a proxy in it throws, or was revoked; store a plain copy of it", {
      cause: error,
    });
  }
}

/** Whether `check` would let a value pass, without keeping the way to each place. Deeper than is allowed, as a value that holds itself is, counts as not. */
function isFine(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      return value === null || (depth < maxDepth && (Array.isArray(value) ? isFineArray(value, depth) : isFineObject(value, depth)));
    default:
      return false;
  }
}

function isFineArray(value: readonly unknown[], depth: number): boolean {
  if (!isArrayPrototype(Object.getPrototypeOf(value)) || hasToJson(value)) return false;
  const names = Reflect.ownKeys(value);
  // Its elements and `length`: neither a hole nor a property.
  if (names.length !== value.length + 1) return false;
  for (let i = 0; i < value.length; i++) {
    const property = Object.getOwnPropertyDescriptor(value, i);
    if (!property || isAccessor(property) || !isFine(property.value, depth + 1)) return false;
  }
  return true;
}

function isFineObject(value: object, depth: number): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== Object.prototype && prototype !== null) return false;
  if (hasToJson(value)) return false;
  for (const name of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, name)!;
    if (!property.enumerable) continue;
    if (typeof name === "symbol" || isAccessor(property)) return false;
    if (property.value !== undefined && !isFine(property.value, depth + 1)) return false;
  }
  return true;
}

function hasToJson(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

/** What a getter gives now need not be what it gives when the value is written as text. */
function isAccessor(property: PropertyDescriptor): boolean {
  return property.get !== undefined || property.set !== undefined;
}

/** Of any realm: such a prototype is an array itself, that of a subclass is not. */
function isArrayPrototype(prototype: unknown): boolean {
  return prototype === Array.prototype || Array.isArray(prototype);
}

/** Of any realm. */
function isObjectPrototype(prototype: object): boolean {
  return prototype === Object.prototype || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf"));
}

type Step = string | number;

function refuse(path: readonly Step[], what: string): CuittyError {
  const at = path.reduce<string>((text, step) => text + (typeof step === "number" ? `[${step}]` : propertyText(step)), "$");
  return new CuittyError("value_not_json", `the value at ${at} is ${what}; values must come back from JSON as they were`, {
    details: { path: at },
  });
}

function propertyText(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function check(value: unknown, path: Step[], above: Set<object>): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) throw refuse(path, `${value}, which JSON cannot hold`);
      return;
    case "object":
      if (value !== null) checkObject(value, path, above);
      return;
    case "undefined":
      throw refuse(path, "undefined; leave the property out or store null");
    default:
      throw refuse(path, `a ${typeof value}`);
  }
}

function checkObject(value: object, path: Step[], above: Set<object>): void {
  if (above.has(value)) throw refuse(path, "a reference to an object that holds it");
  if (above.size >= maxDepth) throw refuse(path.slice(0, 8), `nested deeper than ${maxDepth} levels`);
  above.add(value);
  if (Array.isArray(value)) checkArray(value, path, above);
  else checkProperties(value, path, above);
  above.delete(value);
}

function checkArray(value: readonly unknown[], path: Step[], above: Set<object>): void {
  if (!isArrayPrototype(Object.getPrototypeOf(value))) throw refuse(path, "an array of a class of its own; store Array.from() of it");
  if (hasToJson(value)) throw refuse(path, "an array with toJSON");
  for (const name of Object.keys(value).slice(countOfElements(value)))
    throw refuse([...path, name], "a property of an array, which JSON leaves out");
  checkSymbols(value, path);
  for (let i = 0; i < value.length; i++) checkItem(Object.getOwnPropertyDescriptor(value, i), i, { path, above });
}

/** Elements come first among the names. */
function countOfElements(value: readonly unknown[]): number {
  let count = 0;
  for (let i = 0; i < value.length; i++) if (Object.hasOwn(value, i)) count++;
  return count;
}

function checkProperties(value: object, path: Step[], above: Set<object>): void {
  checkPlain(value, path);
  checkSymbols(value, path);
  for (const name of Object.keys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, name)!;
    // JSON leaves such a property out, and reading it gives undefined again.
    if (!isAccessor(property) && property.value === undefined) continue;
    checkItem(property, name, { path, above });
  }
}

function checkItem(
  property: PropertyDescriptor | undefined,
  name: Step,
  { path, above }: { readonly path: Step[]; readonly above: Set<object> },
): void {
  path.push(name);
  if (property && isAccessor(property)) throw refuse(path, "a getter or setter; store the value itself");
  check(property?.value, path, above);
  path.pop();
}

function checkSymbols(value: object, path: readonly Step[]): void {
  if (Object.getOwnPropertySymbols(value).some((name) => Object.getOwnPropertyDescriptor(value, name)!.enumerable))
    throw refuse(path, "an object with a symbol for a key");
}

/** An object of any realm whose prototype is Object.prototype or null; a class instance would come back as something else. */
function checkPlain(value: object, path: readonly Step[]): void {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || isObjectPrototype(prototype)) {
    if (hasToJson(value)) throw refuse(path, "an object with toJSON");
    return;
  }
  const name = Object.prototype.toString.call(value).slice(8, -1);
  const shown = name === "Object" ? (prototype.constructor?.name ?? "class") : name;
  const hint = name === "Date" ? "; store toISOString()" : name === "Uint8Array" ? "; put bytes into store.blobs" : "";
  throw refuse(path, `a ${shown}${hint}`);
}
