// A place that several stores share, as processes share a database: every call takes a moment, so that those of others come between.
import type { AdapterCondition, AdapterOp, PersistAdapter } from "@cuitty/persist";

const isSame = (left: unknown, right: unknown) =>
  left instanceof Uint8Array && right instanceof Uint8Array ? Buffer.compare(left, right) === 0 : left === right;

/** Opens adapters on one map. Without `hasConditions` they know the `expect` of a change, but no `batchIf`. */
export function sharedPlace({ hasConditions }: { readonly hasConditions: boolean }): () => PersistAdapter {
  const rows = new Map<string, unknown>();
  const moment = () => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 2));
  function apply(op: AdapterOp): void {
    if (op.expect !== undefined && !isSame(rows.get(op.key), op.expect)) return;
    if (op.type === "put") rows.set(op.key, op.value);
    else rows.delete(op.key);
  }
  async function batchIf(conditions: readonly AdapterCondition[], ops: readonly AdapterOp[]): Promise<boolean> {
    await moment();
    if (!conditions.every(({ key, value }) => isSame(rows.get(key), value))) return false;
    ops.forEach(apply);
    return true;
  }
  return () => ({
    name: "shared",
    capabilities: { bytes: true },
    async get(key) {
      await moment();
      return rows.get(key);
    },
    async put(key, value) {
      await moment();
      rows.set(key, value);
    },
    async delete(key) {
      await moment();
      rows.delete(key);
    },
    async list(prefix) {
      await moment();
      return [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value }));
    },
    async batch(ops) {
      await moment();
      ops.forEach(apply);
    },
    ...(hasConditions ? { batchIf } : {}),
  });
}
