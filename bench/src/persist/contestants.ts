// Our store, plain and encrypted, and the peers, all over files in one folder and at the durability each states.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";
import { KeyvSqlite } from "@resolid/keyv-sqlite";
import Database from "better-sqlite3";
import Keyv from "keyv";
import { createStore as createTinyStore } from "tinybase";
import { createBetterSqlite3Persister } from "tinybase/persisters/persister-better-sqlite3";
import { createStorage } from "unstorage";
import fsDriver from "unstorage/drivers/fs";
import type { Contestant } from "./contestant.ts";

const synced = "WAL, synchronous FULL: on disk when put resolves";
const puts = 300;

function cuitty(encrypt: boolean): Contestant {
  return {
    name: encrypt ? "persist, encrypted" : "persist",
    durability: synced,
    isDurable: true,
    readsFromDisk: true,
    putsPerRound: puts,
    async open(folder) {
      const path = join(folder, encrypt ? "encrypted.db" : "plain.db");
      const store = await createStore({ name: "bench", path, ...(encrypt ? { encrypt, keyStorage: "file" as const } : {}) });
      return {
        put: (key, value) => store.records.put(key, value),
        get: (key) => store.records.get(key),
        fill: (entries) => Promise.all(entries.map(([key, value]) => store.records.put(key, value))),
        close: () => store.close(),
      };
    },
  };
}

interface Pragmas {
  pragma(source: string, options?: { simple: boolean }): unknown;
}

/** Raises a peer to our durability and reads back that it is there: the race is between equals. */
function requireSynced(database: Pragmas): void {
  database.pragma("synchronous = FULL");
  const mode = database.pragma("journal_mode", { simple: true });
  const level = database.pragma("synchronous", { simple: true });
  if (mode !== "wal" || level !== 2) throw new Error(`a peer runs with journal_mode ${String(mode)}, synchronous ${String(level)}`);
}

/** The strongest SQLite store for keyv: better-sqlite3 beneath, raised to our durability. */
const keyv: Contestant = {
  name: "keyv + better-sqlite3",
  durability: synced,
  isDurable: true,
  readsFromDisk: true,
  putsPerRound: puts,
  async open(folder) {
    const adapter = new KeyvSqlite({ uri: join(folder, "keyv.db"), enableWALMode: true });
    requireSynced(adapter.sqlite);
    const store = new Keyv({ store: adapter });
    return {
      put: (key, value) => store.set(key, value),
      get: (key) => store.get(key),
      fill: async (entries) => {
        adapter.sqlite.exec("BEGIN");
        for (const [key, value] of entries) await store.set(key, value);
        adapter.sqlite.exec("COMMIT");
      },
      close: () => store.disconnect(),
    };
  },
};

const unstorage: Contestant = {
  name: "unstorage fs",
  durability: "one file a key, no fsync: in the page cache when put resolves",
  isDurable: false,
  readsFromDisk: true,
  putsPerRound: puts,
  async open(folder) {
    const base = join(folder, "unstorage");
    mkdirSync(base, { recursive: true });
    const store = createStorage({ driver: fsDriver({ base }) });
    return {
      put: (key, value) => store.setItem(key.replaceAll("/", ":"), value as Record<string, never>),
      get: (key) => store.getItem(key.replaceAll("/", ":")),
      fill: (entries) =>
        Promise.all(entries.map(([key, value]) => store.setItem(key.replaceAll("/", ":"), value as Record<string, never>))),
      close: () => store.dispose(),
    };
  },
};

/** Tables saved row by row; a put is done when its autosave is. */
const tinybase: Contestant = {
  name: "TinyBase + better-sqlite3",
  durability: `${synced}; reads come from a copy of everything in memory`,
  isDurable: true,
  readsFromDisk: false,
  putsPerRound: 10,
  async open(folder) {
    const database = new Database(join(folder, "tinybase.db"));
    database.pragma("journal_mode = WAL");
    requireSynced(database);
    const store = createTinyStore();
    const tables = { load: { records: "records" }, save: { records: "records" } };
    const persister = createBetterSqlite3Persister(store, database as never, { mode: "tabular", tables });
    await persister.load();
    const saved = async () => {
      do await new Promise(setImmediate);
      while (persister.getStatus() !== 0);
    };
    await persister.startAutoSave();
    return {
      async put(key, value) {
        store.setRow("records", key, { json: JSON.stringify(value) });
        await saved();
      },
      get: async (key) => JSON.parse(store.getCell("records", key, "json") as string) as unknown,
      async fill(entries) {
        store.transaction(() => {
          for (const [key, value] of entries) store.setRow("records", key, { json: JSON.stringify(value) });
        });
        await saved();
      },
      async close() {
        await persister.destroy();
        database.close();
      },
    };
  },
};

export const ours = { plain: cuitty(false), encrypted: cuitty(true) } as const;
export const peers: readonly Contestant[] = [keyv, unstorage, tinybase];
