// Two stores of one origin in one process: as tabs do, they share the place where the key is kept.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type Store } from "@cuitty/persist";
import { indexedDbAdapter } from "../../src/adapters/indexeddb.ts";

/** Path of a key file both open. */
export function sharedKeyFile(): string {
  return join(mkdtempSync(join(tmpdir(), "persist-tabs-")), "shared.key");
}

export async function createStoreIn(keyFile: string, name: string): Promise<Store> {
  return createStore({ name, adapter: await indexedDbAdapter({ name }), encrypt: true, keyStorage: "file", keyFile });
}
