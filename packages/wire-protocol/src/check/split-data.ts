// Parts the documented fields of `data` from the others, which are kept apart as `meta`.
import { Kind, type TImport, type TIntersect, type TObject, type TSchema, type TUnion } from "@sinclair/typebox";
import { canBeObject, importedBy } from "./schema-fault.ts";

/** Names of the documented fields, of all members of a union or an intersection; null where every name is documented, as in a record. */
export function knownKeysOf(schema: TSchema): ReadonlySet<string> | null {
  switch (schema[Kind]) {
    case "Object":
      return new Set(Object.keys((schema as TObject).properties));
    case "Union":
      return keysOfAll((schema as TUnion).anyOf);
    case "Intersect":
      return keysOfAll((schema as TIntersect).allOf);
    case "Import":
      return knownKeysOf(importedBy(schema as TImport));
    default:
      return canBeObject(schema) ? null : new Set();
  }
}

function keysOfAll(members: readonly TSchema[]): ReadonlySet<string> | null {
  const keys = members.map(knownKeysOf);
  return keys.includes(null) ? null : new Set(keys.flatMap((names) => [...(names ?? [])]));
}

export interface SplitData {
  readonly data: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, unknown>> | null;
}

/** Gives `data` itself back when all its fields are documented, which is the usual case and costs no copy. */
export function splitData(data: Record<string, unknown>, knownKeys: ReadonlySet<string> | null): SplitData {
  if (knownKeys === null) return { data, meta: null };
  const keys = Object.keys(data);
  if (keys.every((key) => knownKeys.has(key))) return { data, meta: null };
  const known: Record<string, unknown> = {};
  const unknown: Record<string, unknown> = {};
  for (const key of keys) setOwn(knownKeys.has(key) ? known : unknown, key, data[key]);
  return { data: known, meta: unknown };
}

/** Sets an own property whatever its name: assigning to `__proto__` would change the prototype instead. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else target[key] = value;
}
