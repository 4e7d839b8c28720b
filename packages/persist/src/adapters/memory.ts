// Rows in memory: for tests, caches and private sessions. Gone with the process.
import type { AdapterEntry, AdapterOp, AdapterRange, PersistAdapter } from "../adapter.ts";
import { createSortedKeys, type SortedKeys } from "../core/sorted-keys.ts";
import { isSameValue } from "./conditions.ts";

/** An adapter of its own memory; hand the same one to two stores, and each finds the other one's data. */
export function memoryAdapter(): PersistAdapter {
  const valueByKey = new Map<string, unknown>();
  /** Made on the first `range`, then kept up to date. */
  let sorted: SortedKeys | undefined;

  function put(key: string, value: unknown): void {
    sorted?.add(key);
    valueByKey.set(key, value);
  }

  function remove(key: string): void {
    sorted?.delete(key);
    valueByKey.delete(key);
  }

  function apply(op: AdapterOp): void {
    if (op.expect !== undefined && !isSameValue(valueByKey.get(op.key), op.expect)) return;
    if (op.type === "put") put(op.key, op.value);
    else remove(op.key);
  }

  function page({ prefix, after, limit, reverse = false }: AdapterRange): AdapterEntry[] {
    sorted ??= createSortedKeys([...valueByKey.keys()].sort());
    let from = prefix;
    let before = upperBoundOf(prefix);
    if (after !== undefined && reverse) before = before === undefined || after < before ? after : before;
    // No string comes between a string and itself with a NUL behind it.
    else if (after !== undefined && after >= prefix) from = `${after}\0`;
    const entries: AdapterEntry[] = [];
    for (const key of sorted.walk({ from, before, reverse })) {
      if (entries.length >= limit) break;
      entries.push({ key, value: valueByKey.get(key) });
    }
    return entries;
  }

  return {
    name: "memory",
    capabilities: { atomicBatch: true, blobs: true, watch: false, bytes: true },
    get: async (key) => valueByKey.get(key),
    put: async (key, value) => put(key, value),
    delete: async (key) => remove(key),
    list: async (prefix) => page({ prefix, limit: Number.POSITIVE_INFINITY }),
    batch: async (ops: readonly AdapterOp[]) => ops.forEach(apply),
    batchIf: async (conditions, ops) => {
      if (!conditions.every(({ key, value }) => isSameValue(valueByKey.get(key), value))) return false;
      ops.forEach(apply);
      return true;
    },
    range: async (query) => page(query),
  };
}

/** The first string after every string with that prefix, or undefined when there is none. */
export function upperBoundOf(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xffff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return undefined;
}
