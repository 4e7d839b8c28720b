// The exported contract suite on every adapter, and on adapters as users write them.
import "fake-indexeddb/auto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PersistAdapter } from "@cuitty/persist";
import { adapterContract, type ContractOptions } from "@cuitty/persist/testing";
import { afterAll, describe, expect, test } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";
import { mapAdapter } from "./support/map-adapter.ts";

const folder = await mkdtemp(join(tmpdir(), "persist-adapters-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

let number = 0;
const kept: Record<string, ContractOptions> = {
  sqlite: {
    open: () => sqliteAdapter({ path: join(folder, `${++number}.db`) }),
    reopen: () => sqliteAdapter({ path: join(folder, `${number}.db`) }),
  },
  indexeddb: { open: () => indexedDbAdapter({ name: `s${++number}` }), reopen: () => indexedDbAdapter({ name: `s${number}` }) },
  memory: { open: memoryAdapter },
  "a Map": { open: mapAdapter },
};

describe.each(Object.entries(kept))("%s", (_name, options) => {
  test.each(adapterContract(options).map(({ name, run }) => [name, run] as const))("%s", async (_case, run) => {
    await run();
  });
});

test("the adapter of the README is the one that is checked here", async () => {
  const [readme, adapter] = await Promise.all(
    ["../README.md", "support/map-adapter.ts"].map((name) => readFile(new URL(name, import.meta.url), "utf8")),
  );
  expect(readme).toContain(`\`\`\`ts\n${adapter}\`\`\``);
});

describe("the suite itself", () => {
  async function failures(adapter: PersistAdapter): Promise<string[]> {
    const failed: string[] = [];
    for (const { name, run } of adapterContract({ open: () => adapter })) await run().catch(() => failed.push(name));
    return failed;
  }

  test("finds an adapter whose list takes a prefix for a pattern", async () => {
    const good = mapAdapter();
    const list = async (prefix: string) => {
      const all: { key: string; value: unknown }[] = [];
      for await (const entry of await good.list(""))
        if (new RegExp(`^${prefix.replace(/[[\]\\]/g, "\\$&")}`, "i").test(entry.key)) all.push(entry);
      return all.slice(0, 5);
    };
    expect(await failures({ ...good, list })).not.toEqual([]);
  });

  test("finds an adapter that does not copy what it is given", async () => {
    const rows = new Map<string, unknown>();
    const adapter: PersistAdapter = {
      get: async (key) => rows.get(key),
      put: async (key, value) => void rows.set(key, value),
      delete: async (key) => rows.delete(key),
      list: async (prefix) => [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value })),
    };
    expect(await failures(adapter)).toContain("adapter: put copies: changing the value afterwards changes nothing stored");
  });
});
