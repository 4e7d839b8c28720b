// Turns the `adapter` option into an adapter, loading a driver only when it is named.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { PersistAdapter } from "./adapter.ts";
import { typedAdapter } from "./core/typed-adapter.ts";
import type { CheckedOptions } from "./options.ts";

export async function openAdapter(options: CheckedOptions): Promise<PersistAdapter> {
  const { adapter, name, durability } = options;
  if (typeof adapter !== "string") return typedAdapter(adapter);
  if (adapter === "memory") {
    const memory = (await import("./adapters/memory.ts")).memoryAdapter();
    // Made here and handed to nobody else.
    return { ...memory, capabilities: { ...memory.capabilities, exclusive: true } };
  }
  if (adapter === "indexeddb") return (await import("./adapters/indexeddb.ts")).indexedDbAdapter({ name, durability });
  if (globalThis.process?.versions?.node === undefined) {
    throw new CuittyError("unsupported", 'adapter "sqlite" needs Node, Bun or Deno; in a browser use "indexeddb"');
  }
  const { sqliteAdapter } = await import("./adapters/sqlite.ts");
  return sqliteAdapter({ path: storePath(options), durability });
}

export function storePath({ path, name }: CheckedOptions): string {
  return path ?? `./data/${name}.db`;
}
