import type { PersistAdapter } from "@cuitty/persist";

export function mapAdapter(): PersistAdapter {
  const rows = new Map<string, string>();
  return {
    async get(key) {
      const row = rows.get(key);
      return row === undefined ? undefined : JSON.parse(row);
    },
    async put(key, value) {
      rows.set(key, JSON.stringify(value));
    },
    async delete(key) {
      rows.delete(key);
    },
    async *list(prefix) {
      for (const [key, row] of rows) if (key.startsWith(prefix)) yield { key, value: JSON.parse(row) };
    },
  };
}
