// Options that do not go together, or would be left out of account, are refused by name before anything is made.
import "fake-indexeddb/auto";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type StoreOptions } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { browserKeyPlace } from "../src/keys/browser-keys.ts";
import { createKeyStorage } from "../src/keys/key-storage.ts";
import { checkOptions } from "../src/options.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-options-"));
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true, force: true });
});

const key = new Uint8Array(32).fill(1);

describe("refused with invalid_option that names the option", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["keyStorage without encryption", { keyStorage: "file" }, /keyStorage needs encrypt: true/],
    ["keyFile in memory", { adapter: "memory", encrypt: true, keyFile: "k" }, /keyFile.*"memory"/],
    ["keyStorage keychain in memory", { adapter: "memory", encrypt: true, keyStorage: "keychain" }, /keyStorage.*"memory"/],
    ["keyStorage file in memory", { adapter: "memory", encrypt: true, keyStorage: "file" }, /keyStorage.*"memory"/],
    ["keyFile with keyStorage none", { encrypt: true, key, keyStorage: "none", keyFile: "k" }, /keyFile.*"none"/],
    ["keyFile with keyStorage keychain", { encrypt: true, keyStorage: "keychain", keyFile: "k" }, /keyFile.*"keychain"/],
    ["encrypt null", { encrypt: null }, /encrypt.*null/],
    ["keyStorage null", { encrypt: true, keyStorage: null }, /keyStorage/],
    ["durability null", { durability: null }, /durability/],
    ["adapter null", { adapter: null }, /adapter.*null/],
    ["clock null", { clock: null }, /clock/],
  ])("%s", async (_name, options, message) => {
    const path = options.adapter === undefined ? { path: join(folder, "a.db") } : {};
    await expect(createStore({ name: "a", ...path, ...options } as unknown as StoreOptions)).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["keyFile", { keyFile: "k" }, /keyFile.*browser/],
    ["keyStorage file", { keyStorage: "file" }, /keyStorage.*browser/],
    ["keyStorage keychain", { keyStorage: "keychain" }, /keyStorage.*browser/],
  ])("%s in a browser", (_name, options, message) => {
    vi.stubGlobal("process", undefined);
    const check = () => checkOptions({ name: "a", encrypt: true, ...options } as StoreOptions);
    expect(check).toThrow(expect.objectContaining({ code: "invalid_option", message: expect.stringMatching(message) }));
    expect(checkOptions({ name: "a", encrypt: true })).toMatchObject({ adapter: "indexeddb", keyStorage: "auto" });
  });
});

test("what goes together opens: memory without a place for its key, a key of the caller's that is kept nowhere, undefined for a default", async () => {
  for (const options of [
    { adapter: "memory", encrypt: true, keyStorage: "none" },
    { adapter: "memory", encrypt: true, key, keyStorage: "auto" },
    { path: join(folder, "a.db"), encrypt: true, key, keyStorage: "none" },
    { path: join(folder, "b.db"), encrypt: undefined, keyStorage: undefined },
    { path: join(folder, "c.db"), encrypt: true, keyFile: join(folder, "k"), keyStorage: "file" },
  ] as const)
    await (await createStore({ name: "a", ...options })).close();
});

test("without a keychain `keyStorage: keychain` does not advise a file that it would refuse", () => {
  const script = `
    import { createStore } from "@cuitty/persist";
    await createStore({ name: "a", path: process.argv[1], encrypt: true, keyStorage: "keychain" }).catch((error) => console.log(error.code, error.message));`;
  const node = ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, join(folder, "a.db")];
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent" };
  const { stdout } = spawnSync(process.execPath, node, { encoding: "utf8", env });
  expect(stdout).toMatch(/^key_storage_missing .*keychain/);
  expect(stdout).not.toContain("keyFile");
});

test("a browser without WebCrypto is told that the page needs a secure context", async () => {
  vi.stubGlobal("crypto", { getRandomValues: (bytes: Uint8Array) => bytes });
  const storage = createKeyStorage([browserKeyPlace()], "pass `keyFile`");
  const refused = { code: "unsupported", message: expect.stringMatching(/secure context.*https.*localhost/) };
  await expect(storage.update("01".repeat(16), async () => "key")).rejects.toMatchObject(refused);
  await expect(storage.load("01".repeat(16))).rejects.toMatchObject(refused);
});
