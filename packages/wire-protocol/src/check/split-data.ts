// Parts the documented fields of `data` from the others, which are kept apart as `meta`.
import type { TSchema } from "@sinclair/typebox";
import { branchesOf } from "./compile-schema.ts";

/** Names of the documented fields; of all members when the schema is a union. */
export function knownKeysOf(schema: TSchema): ReadonlySet<string> {
  return new Set(branchesOf(schema).flatMap((branch) => Object.keys(branch.properties)));
}

export interface SplitData {
  readonly data: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, unknown>> | null;
}

/** Gives `data` itself back when all its fields are documented, which is the usual case and costs no copy. */
export function splitData(data: Record<string, unknown>, knownKeys: ReadonlySet<string>): SplitData {
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
