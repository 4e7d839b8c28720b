// The store inside a real Chromium: the contract on its IndexedDB, and cryptography that gives the bytes Node gives.
// Loaded on demand by the store; named here so that the test server prepares them before the first test and not in the middle of one.
import "@noble/ciphers/_polyval.js";
import "@noble/ciphers/aes.js";
import "@noble/hashes/hmac.js";
import "@noble/hashes/scrypt.js";
import "@noble/hashes/sha2.js";
import { createStore } from "@cuitty/persist";
import { aesGcm, hkdfSha256, hmacSha256, open, seal } from "@cuitty/persist/crypto";
import { adapterContract } from "@cuitty/persist/testing";
import { describe, expect, test } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import gcm from "../vectors/aes-gcm.nist.json";
import envelopes from "../vectors/envelope.v1.json";
import hkdf from "../vectors/hkdf-sha256.rfc5869.json";
import hmac from "../vectors/hmac-sha256.rfc4231.json";

const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hex = (data: Uint8Array) => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");
let number = 0;

describe("the adapter contract on IndexedDB", () => {
  const suffix = crypto.randomUUID();
  const cases = adapterContract({
    open: () => indexedDbAdapter({ name: `${suffix}-${++number}` }),
    reopen: () => indexedDbAdapter({ name: `${suffix}-${number}` }),
  });
  test.each(cases.map(({ name, run }) => [name, run] as const))("%s", async (_name, run) => {
    await run();
  });
});

describe.each(["webcrypto", "noble"] as const)("vectors with %s", (provider) => {
  test("AES-GCM, HMAC, HKDF and envelopes are byte-equal", async () => {
    for (const v of gcm.cases) {
      const options = { key: bytes(v.key), nonce: bytes(v.nonce), aad: bytes(v.aad), provider };
      expect(hex(await aesGcm.encrypt(bytes(v.plaintext), options))).toBe(v.ciphertext + v.tag);
      expect(hex(await aesGcm.decrypt(bytes(v.ciphertext + v.tag), options))).toBe(v.plaintext);
    }
    for (const v of hmac.cases) expect(hex(await hmacSha256(bytes(v.data), { key: bytes(v.key), provider }))).toBe(v.mac);
    for (const v of hkdf.cases)
      expect(hex(await hkdfSha256(bytes(v.ikm), { salt: bytes(v.salt), info: bytes(v.info), length: v.length, provider }))).toBe(v.okm);
    for (const v of envelopes.cases) {
      let i = 0;
      const random = (size: number) => Uint8Array.from({ length: size }, () => (i++ * v.randomStep + v.randomOffset) & 255);
      expect(hex(await open(bytes(v.envelope), { key: bytes(v.key), context: v.context, provider }))).toBe(v.plaintext);
      expect(hex(await seal(bytes(v.plaintext), { key: bytes(v.key), context: v.context, epoch: v.epoch, random, provider }))).toBe(
        v.envelope,
      );
    }
  });
});

test("the quickstart runs with nothing but a name: IndexedDB, a key of this browser, blobs as streams", async () => {
  const name = `quick-${crypto.randomUUID()}`;
  const store = await createStore({ name, encrypt: true });
  expect(store.status()).toMatchObject({ adapter: "indexeddb", encrypted: true, keyStorage: "indexeddb" });
  await store.records.put("users/alice", { name: "Alice" });
  await store.blobs.put("file", new Blob([new Uint8Array(200_000).fill(8)], { type: "image/png" }));
  const exported = await store.crypto.exportKey({ passphrase: "correct horse battery" });
  await (await store.crypto.rotateKey()).done;
  await store.close();
  const again = await createStore({ name, encrypt: true });
  expect(await again.records.list("users/")).toEqual([{ key: "users/alice", value: { name: "Alice" } }]);
  expect(new Uint8Array(await new Response(await again.blobs.stream("file")).arrayBuffer()).every((byte) => byte === 8)).toBe(true);
  await again.close();
  expect(exported.startsWith("cuitty-key-scrypt-1.")).toBe(true);
}, 60_000);
