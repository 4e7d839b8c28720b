// A keychain that is locked for a while: the key file serves meanwhile, and what the keychain kept from before hides nothing afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type StoreOptions } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const keychain = vi.hoisted(() => ({ isLocked: false, texts: new Map<string, string>() }));
vi.mock("@napi-rs/keyring", () => ({
  Entry: class {
    #account: string;
    constructor(_service: string, account: string) {
      this.#account = account;
    }
    #open(): Map<string, string> {
      if (keychain.isLocked) throw new Error("the collection is locked");
      return keychain.texts;
    }
    getPassword() {
      return this.#open().get(this.#account) ?? null;
    }
    setPassword(text: string) {
      this.#open().set(this.#account, text);
    }
  },
}));

let folder: string;
let options: StoreOptions;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-keychain-"));
  options = { name: "vault", path: join(folder, "vault.db"), encrypt: true };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a key rotated while the keychain was locked is found in the key file, and saved to the keychain", async () => {
  const first = await createStore(options);
  expect(first.status().keyStorage).toBe("keychain");
  await first.records.put("a", 1);
  const code = await first.crypto.recoveryCode();
  await first.close();
  keychain.isLocked = true;
  await expect(createStore(options)).rejects.toMatchObject({ code: "key_missing" });
  const locked = await createStore({ ...options, key: code });
  expect(locked.status().keyStorage).toBe("file");
  await (await locked.crypto.rotateKey()).done;
  await locked.close();
  keychain.isLocked = false;
  const unlocked = await createStore(options);
  expect([await unlocked.records.get("a"), unlocked.status().keyStorage]).toEqual([1, "keychain"]);
  await unlocked.close();
  await rm(`${options.path}.key`);
  const again = await createStore(options);
  expect([await again.records.get("a"), again.crypto.status().epoch]).toEqual([1, 2]);
  await again.close();
});
