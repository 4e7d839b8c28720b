// An encrypted store on real files: nothing readable on disk, nothing that can be moved or changed, keys that can be lost only on purpose.
import { spawnSync } from "node:child_process";
import { chmod, copyFile, cp, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type StoreOptions } from "@cuitty/persist";
import { isCuittyError } from "@cuitty/wire-protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";

let folder: string;
let options: StoreOptions;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-encryption-"));
  options = { name: "vault", adapter: "sqlite", path: join(folder, "vault.db"), encrypt: true, keyStorage: "file" };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: { code?: string }) => (isCuittyError(error) ? error.code : `not typed: ${String(error)}`),
  );

/** Empty for a folder, and for a file of a lock that has ended meanwhile. */
async function textOf(path: string): Promise<string> {
  try {
    return (await stat(path)).isFile() ? (await readFile(path)).toString("latin1") : "";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

describe("what is on disk", () => {
  test("no value, key name, log name, blob or blob name can be found in any file, while open and after close", async () => {
    const store = await createStore(options);
    await store.records.put("canarypath/canaryname", { field: "canaryvalue" });
    await store.kv.put("canarykv", "canarykvvalue", { ttlMs: 1e9 });
    await store.events.append("canarylog", { data: "canaryevent" });
    await store.blobs.put("canaryblob", "canarybytes ".repeat(20_000), { contentType: "canary/type" });
    await store.batch((batch) => batch.records.put("canarybatch", "canarybatchvalue"));
    await store.records.delete("canarypath/canaryname");
    for (const moment of ["open", "closed"]) {
      if (moment === "closed") await store.close();
      for (const name of await readdir(folder, { recursive: true })) {
        const path = join(folder, name);
        const content = await textOf(path);
        expect(content.includes("canary"), `${name} while ${moment}`).toBe(false);
      }
    }
  });

  test("the file, its key and its folder of locks are readable by their owner alone", async () => {
    await (await createStore(options)).close();
    for (const name of ["vault.db", "vault.db.key"]) expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
  });
});

describe("tampering with rows", () => {
  async function rowsOf(encryptedStore: (adapter: PersistAdapter) => Promise<void>): Promise<PersistAdapter> {
    const adapter = memoryAdapter();
    await encryptedStore(adapter);
    return adapter;
  }
  const secret = { encrypt: true, keyStorage: "none", key: new Uint8Array(32).fill(1) } as const;
  const fill = async (adapter: PersistAdapter) => {
    const store = await createStore({ name: "t", adapter: { ...adapter, close: undefined }, ...secret });
    await store.records.put("a", { n: 1 });
    await store.records.put("b", { n: 2 });
    await store.kv.put("a", { n: 3 });
    await store.close();
  };
  const reopened = (adapter: PersistAdapter) => createStore({ name: "t", adapter: { ...adapter, close: undefined }, ...secret });
  const rowKeys = async (adapter: PersistAdapter) =>
    (await adapter.range!({ prefix: "", limit: 100 })).map(({ key }) => key).filter((key) => !key.startsWith("meta/"));

  test("every flipped bit and every cut of a row is refused with a typed error that names no key", async () => {
    const adapter = await rowsOf(fill);
    const store = await reopened(adapter);
    for (const key of await rowKeys(adapter)) {
      const good = (await adapter.get(key)) as Uint8Array;
      const refused = async (value: Uint8Array, what: string) => {
        await adapter.put(key, value);
        const codes = [await codeOf(store.records.get("a")), await codeOf(store.records.get("b")), await codeOf(store.kv.get("a"))];
        expect(
          codes.filter((code) => code !== "none"),
          what,
        ).toHaveLength(1);
        expect(["tampered", "newer_format", "key_missing"]).toContain(codes.find((code) => code !== "none"));
      };
      for (let bit = 0; bit < good.length * 8; bit++) {
        const changed = new Uint8Array(good);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        await refused(changed, `bit ${bit}`);
      }
      for (let size = 0; size < good.length; size++) await refused(good.slice(0, size), `cut to ${size}`);
      await adapter.put(key, good);
    }
    await store.close();
  });

  test("rows swapped between paths, facets and stores, and rows in plain text, are refused", async () => {
    const adapter = await rowsOf(fill);
    const other = await rowsOf(fill);
    const keys = await rowKeys(adapter);
    const values = await Promise.all(keys.map((key) => adapter.get(key)));
    const foreign = await Promise.all((await rowKeys(other)).map((key) => other.get(key)));
    const store = await reopened(adapter);
    for (const value of [...foreign, '{"n":1}', new TextEncoder().encode('{"n":1}')]) {
      await adapter.put(keys[0]!, value);
      const codes = [await codeOf(store.records.get("a")), await codeOf(store.records.get("b")), await codeOf(store.kv.get("a"))];
      expect(codes.filter((code) => code === "tampered")).toHaveLength(1);
    }
    for (const from of [1, 2]) {
      await adapter.put(keys[0]!, values[from]);
      const codes = [await codeOf(store.records.get("a")), await codeOf(store.records.get("b")), await codeOf(store.kv.get("a"))];
      expect(codes.filter((code) => code === "tampered")).toHaveLength(1);
    }
    await store.close();
  });

  test("a manifest that was changed, moved from another store, dropped, or declared plain is refused before anything is written", async () => {
    const other = await rowsOf(fill);
    for (const [change, codes] of [
      [(m: Record<string, unknown>) => ({ ...m, encrypted: false }), ["store_not_encrypted"]],
      [(m: Record<string, unknown>) => ({ ...m, storeId: "0".repeat(32) }), ["wrong_key"]],
      [(m: Record<string, unknown>) => ({ ...m, epoch: 9 }), ["wrong_key", "tampered"]],
      [(m: Record<string, unknown>) => ({ ...m, format: 2 }), ["newer_format"]],
      [(m: Record<string, unknown>) => ({ ...m, sealed: `${String(m.sealed).slice(0, -2)}AA` }), ["tampered"]],
    ] as const) {
      const adapter = await rowsOf(fill);
      const manifest = JSON.parse((await adapter.get("meta/manifest")) as string) as Record<string, unknown>;
      await adapter.put("meta/manifest", JSON.stringify(change(manifest)));
      const before = JSON.stringify(await adapter.range!({ prefix: "", limit: 100 }));
      expect(codes).toContain(await codeOf(reopened(adapter)));
      expect(JSON.stringify(await adapter.range!({ prefix: "", limit: 100 }))).toBe(before);
    }
    const lost = await rowsOf(fill);
    await lost.delete("meta/manifest");
    expect(await codeOf(reopened(lost))).toBe("corrupt");
    const swapped = await rowsOf(fill);
    await swapped.put("meta/manifest", await other.get("meta/manifest"));
    const store = await reopened(swapped);
    expect(await store.records.get("a")).toBeUndefined();
    await store.close();
  });
});

describe("keys", () => {
  test("an encrypted store is never opened as plain, nor a plain one as encrypted", async () => {
    await (await createStore(options)).close();
    const plain = { ...options, path: join(folder, "plain.db"), encrypt: false, keyStorage: undefined };
    await (await createStore(plain)).close();
    expect(await codeOf(createStore({ ...options, encrypt: false, keyStorage: undefined }))).toBe("store_encrypted");
    expect(await codeOf(createStore({ ...plain, encrypt: true, keyStorage: "file" }))).toBe("store_not_encrypted");
  });

  test("a wrong key is found before a byte is written", async () => {
    const store = await createStore(options);
    await store.records.put("a", 1);
    await store.close();
    const before = await readFile(join(folder, "vault.db"));
    const keyFile = await readFile(join(folder, "vault.db.key"));
    for (const key of [new Uint8Array(32).fill(9), await keyOfAnotherStore()]) {
      expect(await codeOf(createStore({ ...options, key }))).toBe("wrong_key");
      expect(await readFile(join(folder, "vault.db"))).toEqual(before);
      expect(await readFile(join(folder, "vault.db.key"))).toEqual(keyFile);
    }
  });

  async function keyOfAnotherStore(): Promise<string> {
    const other = await createStore({ name: "other", adapter: "memory", encrypt: true });
    const key = await other.crypto.exportKey();
    await other.close();
    return key;
  }

  test("a lost key file is a missing key, and the export, the passphrase export and the recovery code each bring the store back", async () => {
    const store = await createStore(options);
    await store.records.put("a", { n: 1 });
    const keys = [
      { key: await store.crypto.exportKey() },
      { key: await store.crypto.recoveryCode() },
      { key: (await store.crypto.recoveryCode()).toLowerCase().replaceAll("-", " ") },
      { key: await store.crypto.exportKey({ passphrase: "correct horse battery" }), passphrase: "correct horse battery" },
    ];
    await store.close();
    for (const given of keys) {
      await rm(join(folder, "vault.db.key"));
      expect(await codeOf(createStore(options))).toBe("key_missing");
      const again = await createStore({ ...options, ...given });
      expect(await again.records.get("a")).toEqual({ n: 1 });
      await again.close();
      const withoutKey = await createStore(options);
      expect(await withoutKey.records.get("a")).toEqual({ n: 1 });
      await withoutKey.close();
    }
  });

  test("damaged key texts, wrong passphrases and mistyped codes are told apart", async () => {
    const store = await createStore(options);
    const exported = await store.crypto.exportKey();
    const wrapped = await store.crypto.exportKey({ passphrase: "correct horse battery" });
    const code = await store.crypto.recoveryCode();
    await store.close();
    expect(await codeOf(createStore({ ...options, key: exported.slice(0, -1) }))).toBe("key_invalid");
    expect(await codeOf(createStore({ ...options, key: exported.replace(/.$/, (last) => (last === "A" ? "Q" : "A")) }))).toBe(
      "key_invalid",
    );
    expect(await codeOf(createStore({ ...options, key: "hunter2" }))).toBe("key_invalid");
    expect(await codeOf(createStore({ ...options, key: wrapped }))).toBe("passphrase_missing");
    expect(await codeOf(createStore({ ...options, key: wrapped, passphrase: "incorrect horse" }))).toBe("passphrase_wrong");
    expect(await codeOf(createStore({ ...options, key: code.replace(/^./, code[0] === "0" ? "1" : "0") }))).toBe("key_invalid");
    expect(await codeOf(createStore({ ...options, key: code.replace(/.$/, code.at(-1) === "7" ? "8" : "7") }))).toBe("key_invalid");
  });

  test("an export that asks for gigabytes or minutes is refused at once", async () => {
    const store = await createStore(options);
    const wrapped = await store.crypto.exportKey({ passphrase: "correct horse battery" });
    await store.close();
    const [prefix = "", body = ""] = wrapped.split(/(?<=\.)/);
    for (const [logN, r, p] of [
      [20, 15, 1],
      [20, 16, 1],
      [20, 8, 1],
      [17, 8, 5],
      [10, 255, 255],
      [255, 1, 1],
      [0, 8, 1],
      [17, 0, 1],
    ] as const) {
      const bytes = Buffer.from(body, "base64url");
      bytes.set([logN, r, p], 4);
      const startedAtMs = performance.now();
      const key = prefix + bytes.toString("base64url");
      expect(await codeOf(createStore({ ...options, key, passphrase: "correct horse battery" }))).toBe("key_invalid");
      // What is computed takes four seconds at the most, what was asked for ten and more.
      expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    }
  });

  const messageOf = (key: string, path = options.path!) =>
    createStore({ ...options, path, key, keyStorage: "none" }).then(
      () => "opened",
      (error: Error) => error.message,
    );

  test("what is wrong with a key text is said: characters missing or too many, cut short, from before or after a rotation", async () => {
    const store = await createStore(options);
    const [exported, code] = [await store.crypto.exportKey(), await store.crypto.recoveryCode()];
    await store.close();
    const before = join(folder, "before.db");
    await cp(options.path!, before);
    const again = await createStore(options);
    await (await again.crypto.rotateKey()).done;
    const [exportedAfter, codeAfter] = [await again.crypto.exportKey(), await again.crypto.recoveryCode()];
    await again.close();
    expect(await messageOf(code.slice(0, -1))).toContain("has 64 characters, this one has 63");
    expect(await messageOf(`${code}A`)).toContain("has 64 characters, this one has 65");
    expect(await messageOf(code.slice(0, 41))).toContain("has 64 characters, this one has 35");
    for (const cut of [1, 2, 3, 20, 50]) expect(await messageOf(exported.slice(0, -cut)), String(cut)).toMatch(/cut short|damaged/);
    expect(await messageOf("hunter2")).toContain("or a recovery code, got other text");
    expect(await messageOf(exported)).toContain("exported after the last rotation");
    expect(await messageOf(code)).toContain("exported after the last rotation");
    expect(await messageOf(codeAfter, before)).toContain("from before a rotation");
    expect(await messageOf(exportedAfter, before)).toBe("opened");
  });

  test("a recovery code with the dashes of a text processor opens the store", async () => {
    const store = await createStore(options);
    const code = await store.crypto.recoveryCode();
    await store.close();
    for (const dash of ["\u2010", "\u2011", "\u2013", "\u2014", "\u2212", " \u2013 "])
      await (await createStore({ ...options, keyStorage: "none", key: code.replaceAll("-", dash) })).close();
  });

  test("a key file others can read is refused, one of another store too", async () => {
    await (await createStore(options)).close();
    await chmod(join(folder, "vault.db.key"), 0o644);
    expect(await codeOf(createStore(options))).toBe("key_file_open");
    const second = { ...options, path: join(folder, "second.db") };
    await (await createStore(second)).close();
    await copyFile(join(folder, "second.db.key"), join(folder, "vault.db.key"));
    await chmod(join(folder, "vault.db.key"), 0o600);
    expect(await codeOf(createStore(options))).toBe("wrong_key");
    await writeFile(join(folder, "vault.db.key"), "not a key");
    expect(await codeOf(createStore(options))).toBe("key_storage_failed");
  });

  test("a store made anew where another's key lies keeps that key aside", async () => {
    const store = await createStore(options);
    await store.records.put("a", 1);
    await store.close();
    await cp(join(folder, "vault.db"), join(folder, "moved.db"));
    await rm(join(folder, "vault.db"));
    await (await createStore(options)).close();
    const kept = (await readdir(folder)).find((name) => /^vault\.db\.key\.[0-9a-f]{32}$/.test(name))!;
    const moved = await createStore({ ...options, path: join(folder, "moved.db"), keyFile: join(folder, kept) });
    expect(await moved.records.get("a")).toBe(1);
    await moved.close();
  });

  test("a keyFile that is no key file, or holds another store's key, or is a store's own file is refused and left as it is", async () => {
    const other = await createStore({ ...options, path: join(folder, "other.db"), keyFile: join(folder, "other.key") });
    await other.records.put("a", 1);
    const plain = await createStore({ name: "plain", path: join(folder, "plain.db") });
    await writeFile(join(folder, "notes.txt"), "precious");
    await symlink(folder, join(folder, "here"));
    for (const name of ["notes.txt", "other.key", "other.db", "plain.db", "vault.db", "here/vault.db"]) {
      const before = await readFile(join(folder, name)).catch(() => undefined);
      await expect(createStore({ ...options, keyFile: join(folder, name) }), name).rejects.toMatchObject({ code: "invalid_option" });
      if (before) expect(await readFile(join(folder, name)), name).toEqual(before);
    }
    await plain.records.put("b", 2);
    await Promise.all([plain.close(), other.close()]);
    expect((await readdir(folder)).filter((name) => /notes|key/.test(name)).sort()).toEqual(["notes.txt", "other.key"]);
    const again = await createStore({ ...options, path: join(folder, "other.db"), keyFile: join(folder, "other.key") });
    expect(await again.records.get("a")).toBe(1);
    await again.close();
    // Nor when an existing store is opened with its key, nor where the file has the name it has by itself.
    const store = await createStore(options);
    const key = await store.crypto.exportKey();
    await store.close();
    await writeFile(join(folder, "vault.db.key"), "precious");
    expect(await codeOf(createStore({ ...options, key }))).toBe("invalid_option");
    expect(await codeOf(createStore({ ...options, key, keyFile: join(folder, "other.key") }))).toBe("invalid_option");
    expect(await readFile(join(folder, "vault.db.key"), "utf8")).toBe("precious");
  });

  test("without a keychain: `auto` falls back to the key file, `keychain` fails clearly and leaves no store behind", () => {
    const script = `
      import { createStore } from "@cuitty/persist";
      const path = process.argv[1];
      const store = await createStore({ name: "vault", path, encrypt: true });
      await store.close();
      const kind = store.status().keyStorage;
      const failed = await createStore({ name: "vault", path: path + "2", encrypt: true, keyStorage: "keychain" }).then(() => "none", (error) => error.code);
      console.log(kind + " " + failed);`;
    const result = spawnSync(
      process.execPath,
      ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, join(folder, "k.db")],
      {
        encoding: "utf8",
        env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent" },
      },
    );
    expect(result.stderr).toBe("");
    expect(result.stdout.trim()).toBe("file key_storage_missing");
  });

  test("keyStorage none keeps the key nowhere", async () => {
    const key = new Uint8Array(32).fill(3);
    const store = await createStore({ ...options, keyStorage: "none", key });
    expect(store.status().keyStorage).toBe("none");
    await store.close();
    expect((await readdir(folder)).some((name) => name.endsWith(".key"))).toBe(false);
    expect(await codeOf(createStore({ ...options, keyStorage: "none" }))).toBe("invalid_option");
  });
});

describe("rotation", () => {
  async function epochsOnDisk(path: string): Promise<Set<number>> {
    const adapter = await sqliteAdapter({ path });
    const epochs = new Set<number>();
    for await (const { key, value } of await adapter.list("")) {
      if (key !== "meta/manifest") epochs.add(Buffer.from(value as Uint8Array).readUInt32BE(5));
    }
    await adapter.close!();
    return epochs;
  }

  test("seals everything anew, tells its progress, and loses no write made meanwhile", async () => {
    const store = await createStore(options);
    await Promise.all(Array.from({ length: 1_200 }, (_, i) => store.records.put(`r/${i}`, { i, v: 0 })));
    await store.blobs.put("b", new Uint8Array(300_000).fill(5));
    await store.events.append("log", 1);
    const progress: boolean[] = [];
    store.events.on("rotation", ({ done }) => progress.push(done));
    const rotation = await store.crypto.rotateKey();
    expect(rotation.epoch).toBe(2);
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 1_200; i += 3) {
      writes.push(store.records.put(`r/${i}`, { i, v: 1 }));
      if (i % 60 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(writes);
    await rotation.done;
    expect(progress.at(-1)).toBe(true);
    expect(progress.length).toBeGreaterThan(2);
    for (let i = 0; i < 1_200; i++) expect(await store.records.get(`r/${i}`)).toEqual({ i, v: i % 3 === 0 ? 1 : 0 });
    expect((await store.blobs.get("b"))?.length).toBe(300_000);
    await store.close();
    expect([...(await epochsOnDisk(options.path!))]).toEqual([2]);
  });

  test("goes on after it was stopped by closing", async () => {
    const store = await createStore(options);
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => store.records.put(`r/${i}`, i)));
    const rotation = await store.crypto.rotateKey();
    await store.close();
    await expect(rotation.done).rejects.toMatchObject({ code: "store_closed" });
    expect((await epochsOnDisk(options.path!)).has(1)).toBe(true);
    const again = await createStore(options);
    await new Promise<void>((resolve) => again.events.on("rotation", ({ done }) => done && resolve()));
    expect(again.crypto.status()).toEqual({ epoch: 2, epochs: 2, rotating: false });
    await again.close();
    expect([...(await epochsOnDisk(options.path!))]).toEqual([2]);
  });

  test("goes on after the process ended between the new key and the first value", async () => {
    const inner = { ...memoryAdapter(), close: undefined };
    let isDead = false;
    const dying: PersistAdapter = {
      ...inner,
      async batch(ops) {
        if (isDead) throw new Error("dead");
        await inner.batch!(ops);
        // The manifest with the new key is in place.
        isDead = rotating && ops.some(({ key }) => key === "meta/manifest");
      },
    };
    let rotating = false;
    const secret = { encrypt: true, keyStorage: "file", keyFile: join(folder, "key") } as const;
    const store = await createStore({ name: "r", adapter: dying, ...secret });
    await store.records.put("a", 1);
    rotating = true;
    const rotation = await store.crypto.rotateKey();
    await expect(rotation.done).rejects.toMatchObject({ code: "write_failed" });
    await store.close();
    const again = await createStore({ name: "r", adapter: inner, ...secret });
    await new Promise<void>((resolve) => again.events.on("rotation", ({ done }) => done && resolve()));
    await again.close();
    for (const { key, value } of await inner.range!({ prefix: "", limit: 100 }))
      if (key !== "meta/manifest") expect(Buffer.from(value as Uint8Array).readUInt32BE(5)).toBe(2);
  });

  test("a second rotation while the first ends is done when its own values are", async () => {
    const store = await createStore({ ...options, path: undefined, keyStorage: undefined, adapter: "memory" } as StoreOptions);
    for (let i = 0; i < 40; i++) {
      await store.records.put("a", i);
      const first = await store.crypto.rotateKey();
      await Promise.all(Array.from({ length: i % 8 }, () => new Promise((resolve) => setImmediate(resolve))));
      const second = await store.crypto.rotateKey();
      await Promise.all([first.done, second.done]);
      expect(store.crypto.status()).toMatchObject({ epoch: 1 + 2 * (i + 1), rotating: false });
    }
    await store.close();
  });

  test("a key exported before does not open the store after, one exported after opens also what was sealed before", async () => {
    const store = await createStore(options);
    const old = await store.crypto.exportKey();
    await store.crypto.rotateKey();
    await (await store.crypto.rotateKey()).done;
    const fresh = await store.crypto.exportKey();
    const code = await store.crypto.recoveryCode();
    await store.records.put("a", 1);
    await store.close();
    await rm(join(folder, "vault.db.key"));
    expect(await codeOf(createStore({ ...options, key: old }))).toBe("wrong_key");
    for (const key of [fresh, code]) {
      const again = await createStore({ ...options, key });
      expect(await again.records.get("a")).toBe(1);
      expect(again.crypto.status().epochs).toBe(3);
      await again.close();
    }
  });

  test("with keyStorage none the new key must be saved by the caller first", async () => {
    const none = { ...options, keyStorage: "none", key: new Uint8Array(32).fill(3) } as const;
    const store = await createStore(none);
    expect(await codeOf(store.crypto.rotateKey())).toBe("key_storage_missing");
    let saved = "";
    const save = (key: string) => {
      saved = key;
    };
    await store.crypto.rotateKey({ save });
    await store.close();
    const again = await createStore({ ...none, key: saved });
    expect(again.crypto.status().epoch).toBe(2);
    await again.close();
  });

  test("a store without encryption has no keys to export", async () => {
    const store = await createStore({ name: "plain", adapter: "memory" });
    expect(await codeOf(store.crypto.exportKey())).toBe("not_encrypted");
    expect(await codeOf(store.crypto.rotateKey())).toBe("not_encrypted");
    await store.close();
  });
});

describe("copies and processes", () => {
  test("a copied folder is a second store with the same data that never repeats a segment", async () => {
    const store = await createStore(options);
    await store.records.put("a", 1);
    await store.close();
    await cp(folder, `${folder}-copy`, { recursive: true });
    const salts = new Set<string>();
    for (const place of [folder, `${folder}-copy`]) {
      const copy = await createStore({ ...options, path: join(place, "vault.db") });
      expect(await copy.records.get("a")).toBe(1);
      await copy.records.put("b", 2);
      await copy.close();
      const adapter = await sqliteAdapter({ path: join(place, "vault.db") });
      for await (const { key, value } of await adapter.list("")) {
        if (key !== "meta/manifest")
          salts.add(
            Buffer.from(value as Uint8Array)
              .subarray(9, 33)
              .toString("hex"),
          );
      }
      await adapter.close!();
    }
    // One for the first opening, one for each copy's.
    expect(salts.size).toBe(3);
    await rm(`${folder}-copy`, { recursive: true });
  });

  test("a second store on the same file is refused, in this process and from another, naming the first", async () => {
    const store = await createStore(options);
    expect(await codeOf(createStore(options))).toBe("store_in_use");
    const script = `
      import { createStore } from "@cuitty/persist";
      await createStore({ name: "vault", path: process.argv[1], encrypt: true, keyStorage: "file" }).catch((error) => console.log(error.code + " " + error.details.pid));`;
    const result = spawnSync(
      process.execPath,
      ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, options.path!],
      { encoding: "utf8" },
    );
    expect(result.stdout.trim()).toBe(`store_in_use ${process.pid}`);
    await store.close();
    await (await createStore(options)).close();
  });

  test("a second name of the file is the same store: a link to it, to its folder, or to where it will be made", async () => {
    await symlink(join(folder, "vault.db"), join(folder, "link.db"));
    await symlink("link.db", join(folder, "link-to-link.db"));
    await symlink(folder, join(folder, "here"));
    const names = ["vault.db", "link.db", "link-to-link.db", "here/vault.db", "here/here/link.db"];
    for (const first of [...names].reverse()) {
      const store = await createStore({ ...options, path: join(folder, first), keyFile: join(folder, "key") });
      for (const second of names)
        expect(await codeOf(createStore({ ...options, path: join(folder, second), keyFile: join(folder, "key") }))).toBe("store_in_use");
      expect((await readdir(folder)).filter((name) => name.endsWith(".lock"))).toEqual(["vault.db.lock"]);
      await store.close();
    }
  });
});
