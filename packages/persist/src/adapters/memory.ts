// Rows in memory: for tests, caches and private sessions. Gone with the process.
import type { AdapterEntry, AdapterOp, AdapterRange, PersistAdapter } from "../adapter.ts";
import { lowerBound } from "../core/path-index.ts";
import { isSameValue } from "./conditions.ts";

/** An adapter of its own memory; hand the same one to two stores, and each finds the other one's data. */
export function memoryAdapter(): PersistAdapter {
  const valueByKey = new Map<string, unknown>();
  /** Keys in order; made on the first `range`, then kept up to date. */
  let sorted: string[] | undefined;

  function put(key: string, value: unknown): void {
    if (sorted && !valueByKey.has(key)) sorted.splice(lowerBound(sorted, key), 0, key);
    valueByKey.set(key, value);
  }

  function remove(key: string): void {
    if (valueByKey.delete(key)) sorted?.splice(lowerBound(sorted, key), 1);
  }

  function apply(op: AdapterOp): void {
    if (op.expect !== undefined && !isSameValue(valueByKey.get(op.key), op.expect)) return;
    if (op.type === "put") put(op.key, op.value);
    else remove(op.key);
  }

  function keysIn(prefix: string): readonly string[] {
    sorted ??= [...valueByKey.keys()].sort();
    const start = lowerBound(sorted, prefix);
    let end = start;
    if (prefix === "") end = sorted.length;
    else end = lowerBound(sorted, upperBoundOf(prefix) ?? "\uffff\uffff");
    return sorted.slice(start, end);
  }

  function page({ prefix, after, limit, reverse = false }: AdapterRange): AdapterEntry[] {
    let keys = keysIn(prefix);
    if (reverse) keys = keys.slice().reverse();
    if (after !== undefined) keys = keys.filter((key) => (reverse ? key < after : key > after));
    return keys.slice(0, limit).map((key) => ({ key, value: valueByKey.get(key) }));
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
