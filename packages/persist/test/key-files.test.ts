// Key files through interrupted openings and links: a store can always be made, no key is shared or lost, and messages say where was looked.
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type StoreOptions } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-key-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const secret = { name: "a", encrypt: true, keyStorage: "file" } as const;
const at = (name: string) => join(folder, name);
const keyFileAt = (name: string) => JSON.parse(readFileSync(at(name), "utf8"));

/** Opens a store, writes or reads a value in it, and closes it. */
async function visit(options: StoreOptions, put?: unknown): Promise<unknown> {
  const store = await createStore(options);
  if (put !== undefined) await store.records.put("a", put);
  const value = await store.records.get("a");
  await store.close();
  return value;
}

const codeOf = (opening: Promise<unknown>) =>
  opening.then(
    () => "opened",
    (error: { code: string }) => error.code,
  );

/** Fails its first `failures` writes; with `isLate`, after they were done. */
function failing({ failures, isLate = false }: { failures: number; isLate?: boolean }): PersistAdapter {
  const inner = memoryAdapter();
  let left = failures;
  return {
    ...inner,
    capabilities: { ...inner.capabilities, exclusive: true },
    async put(key, value) {
      if (left > 0 && !isLate) {
        left--;
        throw new Error("disk full");
      }
      await inner.put(key, value);
      if (left-- > 0) throw new Error("connection lost");
    },
  };
}

describe("an opening that ended between the key file and the manifest", () => {
  test("is made good by the next one, with the same key and no other file, however often it fails", async () => {
    const options = { ...secret, adapter: failing({ failures: 3 }), keyFile: at("k") };
    const keys = new Set<string>();
    for (let i = 0; i < 3; i++) {
      expect(await codeOf(createStore(options))).toBe("write_failed");
      keys.add(`${keyFileAt("k").storeId} ${keyFileAt("k").key}`);
    }
    expect(await visit(options, 1)).toBe(1);
    keys.add(`${keyFileAt("k").storeId} ${keyFileAt("k").key}`);
    expect([keys.size, readdirSync(folder)]).toEqual([1, ["k"]]);
    expect(await visit(options)).toBe(1);
  });

  test("is made good also by a kill of the process, for a named file and for the one beside the store", async () => {
    const script = `
      import fs from "node:fs";
      import { createStore } from "@cuitty/persist";
      const rename = fs.renameSync;
      fs.renameSync = (from, to) => {
        rename(from, to);
        process.kill(process.pid, "SIGKILL");
      };
      await createStore(JSON.parse(process.argv[1]));`;
    for (const options of [
      { ...secret, path: at("one.db"), keyFile: at("k") },
      { ...secret, path: at("two.db") },
    ]) {
      const node = ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, JSON.stringify(options)];
      expect(spawnSync(process.execPath, node).signal).toBe("SIGKILL");
      expect(await visit(options, 1)).toBe(1);
    }
    expect(
      readdirSync(folder)
        .filter((name) => /k|key/.test(name) && !/lock|db$/.test(name))
        .sort(),
    ).toEqual(["k", "two.db.key"]);
  });

  test("leaves a key for that store only: another place, and a store whose manifest was written, do not share it", async () => {
    expect(await codeOf(createStore({ ...secret, adapter: failing({ failures: 1 }), keyFile: at("k") }))).toBe("write_failed");
    const before = readFileSync(at("k"), "utf8");
    expect(await codeOf(createStore({ ...secret, name: "b", adapter: memoryAdapter(), keyFile: at("k") }))).toBe("invalid_option");
    expect(await codeOf(createStore({ ...secret, path: at("a.db"), keyFile: at("k") }))).toBe("invalid_option");
    expect(readFileSync(at("k"), "utf8")).toBe(before);
  });

  test("whose manifest was written all the same has its key confirmed by the next opening", async () => {
    const options = { ...secret, adapter: failing({ failures: 1, isLate: true }), keyFile: at("k") };
    expect(await codeOf(createStore(options))).toBe("write_failed");
    expect(keyFileAt("k").pendingFor).toBeDefined();
    expect(await visit(options, 1)).toBe(1);
    expect(keyFileAt("k").pendingFor).toBeUndefined();
    expect(await codeOf(createStore({ ...options, adapter: memoryAdapter() }))).toBe("invalid_option");
  });

  test("is followed by one with a key of the caller's: the unused key is kept aside", async () => {
    const options = { ...secret, adapter: failing({ failures: 1 }), keyFile: at("k") };
    expect(await codeOf(createStore(options))).toBe("write_failed");
    const { storeId } = keyFileAt("k");
    expect(await visit({ ...options, key: new Uint8Array(32).fill(5) }, 1)).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(["k", `k.${storeId}`]);
    expect(await visit(options)).toBe(1);
  });
});

/** Rotates the store's key. */
async function rotate(options: StoreOptions): Promise<void> {
  const store = await createStore(options);
  await (await store.crypto.rotateKey()).done;
  await store.close();
}

describe("a store whose path is a link", () => {
  const link = () => ({ ...secret, path: at("link.db") });
  const real = () => ({ ...secret, path: at("real/a.db") });
  beforeEach(() => {
    mkdirSync(at("real"));
    symlinkSync(at("real/a.db"), at("link.db"));
  });

  test.each(["link", "file"])("keeps its key beside the real file, made by way of the %s, and opens by way of both", async (first) => {
    expect(await visit(first === "link" ? link() : real(), 1)).toBe(1);
    expect(readdirSync(at("real"))).toContain("a.db.key");
    expect(readdirSync(folder).sort()).toEqual(["link.db", "real"]);
    expect([await visit(link()), await visit(real())]).toEqual([1, 1]);
  });

  test("opens with a key that an earlier release kept beside the link; the next rotation puts it beside the file", async () => {
    await visit(link(), 1);
    renameSync(at("real/a.db.key"), at("link.db.key"));
    expect(await visit(link())).toBe(1);
    expect(readdirSync(at("real"))).not.toContain("a.db.key");
    await rotate(link());
    expect([await visit(real()), await visit(link())]).toEqual([1, 1]);
  });

  test("says where the key was looked for when it is nowhere", async () => {
    await visit(link(), 1);
    renameSync(at("real/a.db.key"), at("elsewhere"));
    await expect(createStore(link())).rejects.toMatchObject({
      code: "key_missing",
      message: expect.stringMatching(/real\/a\.db\.key.*link\.db\.key/),
    });
    await expect(createStore({ ...real(), keyFile: at("named") })).rejects.toMatchObject({
      code: "key_missing",
      message: expect.stringContaining(at("named")),
    });
  });
});

describe("a keyFile that is a link", () => {
  test.each([true, false])("stays one, and its target holds the key that is in use (target there at first: %s)", async (isThere) => {
    mkdirSync(at("mount"));
    const target = { ...secret, path: at("a.db"), keyFile: at("mount/key") };
    if (isThere) await visit(target, 1);
    symlinkSync("mount/key", at("k"));
    const options = { ...target, keyFile: at("k") };
    expect(await visit(options, 1)).toBe(1);
    await rotate(options);
    expect(lstatSync(at("k")).isSymbolicLink()).toBe(true);
    expect(readdirSync(at("mount"))).toEqual(["key"]);
    expect(await visit(target)).toBe(1);
  });

  test("that leads to itself is refused with its path", async () => {
    symlinkSync("k", at("k"));
    await expect(createStore({ ...secret, path: at("a.db"), keyFile: at("k") })).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringContaining(at("k")),
    });
  });
});

test("folders that are made for a store and for its key, and all files in them, are their owner's alone", async () => {
  const options = { ...secret, path: at("data/of/store.db"), keyFile: at("keys/of/store.key") };
  await visit(options, 1);
  const store = await createStore(options);
  const made = ["data", "keys"].flatMap((name) => [
    name,
    ...(readdirSync(at(name), { recursive: true }) as string[]).map((inner) => join(name, inner)),
  ]);
  expect(made).toEqual(expect.arrayContaining(["data/of/store.db", "keys/of/store.key"]));
  const open = made.filter((name) => process.platform !== "win32" && (lstatSync(at(name)).mode & 0o077) !== 0);
  await store.close();
  expect(open).toEqual([]);
});

test("folders that no system makes are refused, not tried for ever", async () => {
  const unmade = "/proc/nothing/here/file";
  await expect(createStore({ name: "n", path: unmade })).rejects.toMatchObject({ code: expect.stringMatching(/^(io|readonly)$/) });
  await expect(createStore({ ...secret, path: at("a.db"), keyFile: unmade })).rejects.toMatchObject({ code: "key_storage_missing" });
});
