// Turns a value into JSON text and refuses what would not come back equal, naming the place inside the value.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { utf8Bytes } from "./paths.ts";

const maxValueBytes = 1024 * 1024;
const maxDepth = 256;

/** Errors: `value_not_json` with the path of the first bad place in message and `details.path`, `value_too_large` above 1 MiB. */
export function toJson(value: unknown): string {
  // Nearly every value passes; where in it something is wrong, and whether it holds itself, is found out only then.
  if (!isFine(value, 0)) check(value, [], new Set());
  const text = JSON.stringify(value) as string;
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
  for (let i = 0; i < value.length; i++) if (!isFine(value[i], depth + 1)) return false;
  return true;
}

function isFineObject(value: object, depth: number): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== Object.prototype && prototype !== null) return false;
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return false;
  for (const name of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[name];
    if (item !== undefined && !isFine(item, depth + 1)) return false;
  }
  return true;
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
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      path.push(i);
      check(value[i], path, above);
      path.pop();
    }
  } else {
    checkPlain(value, path);
    for (const name of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[name];
      // JSON leaves such a property out, and reading it gives undefined again.
      if (item === undefined) continue;
      path.push(name);
      check(item, path, above);
      path.pop();
    }
  }
  above.delete(value);
}

/** An object of any realm whose prototype is Object.prototype or null; a class instance would come back as something else. */
function checkPlain(value: object, path: readonly Step[]): void {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || Object.getPrototypeOf(prototype) === null) {
    if (typeof (value as { toJSON?: unknown }).toJSON === "function") throw refuse(path, "an object with toJSON");
    return;
  }
  const name = Object.prototype.toString.call(value).slice(8, -1);
  const shown = name === "Object" ? (prototype.constructor?.name ?? "class") : name;
  const hint = name === "Date" ? "; store toISOString()" : name === "Uint8Array" ? "; put bytes into store.blobs" : "";
  throw refuse(path, `a ${shown}${hint}`);
}
