// The local store on Bun: encrypted records, blobs of Bun's own kinds, export, keys, the three providers, a kill.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";
import { aesGcm, hkdfSha256, hmacSha256 } from "@cuitty/persist/crypto";
import { adapterContract } from "@cuitty/persist/testing";
import { check, finish, folder, start, until } from "./checks.mjs";

const path = join(folder, "store.db");
const options = { name: "store", adapter: "sqlite", path, encrypt: true, keyStorage: "file" };
const text = await Bun.file(import.meta.path).text();

await check("an encrypted store is there again, with a key file of mode 0600, and belongs to one at a time", async () => {
  const store = await createStore(options);
  await store.records.put("users/alice", { name: "Alice" });
  await assert.rejects(createStore(options), { code: "store_in_use" });
  await store.close();
  await assert.rejects(createStore({ name: "store", adapter: "sqlite", path }), { code: "store_encrypted" });
  const again = await createStore(options);
  assert.deepEqual(await again.records.get("users/alice"), { name: "Alice" });
  assert.equal(statSync(`${path}.key`).mode & 0o777, 0o600);
  await again.close();
});

await check("blobs from Bun.file and its stream, into a Response; export and import", async () => {
  const store = await createStore(options);
  await store.blobs.put("file", Bun.file(import.meta.path));
  await store.blobs.put("stream", Bun.file(import.meta.path).stream());
  assert.equal(await new Response(await store.blobs.stream("stream")).text(), text);
  const copy = await createStore({ name: "copy", adapter: "memory" });
  await copy.import(store.export());
  assert.equal(new TextDecoder().decode(await copy.blobs.get("file")), text);
  assert.deepEqual(await copy.records.get("users/alice"), { name: "Alice" });
  await copy.close();
  await store.close();
});

await check("a passphrase, a new key", async () => {
  const store = await createStore(options);
  await (await store.crypto.rotateKey()).done;
  const key = await store.crypto.exportKey({ passphrase: "correct horse" });
  await store.close();
  const opened = await createStore({ ...options, keyStorage: "none", key, passphrase: "correct horse" });
  assert.deepEqual(await opened.records.get("users/alice"), { name: "Alice" });
  await opened.close();
});

await check("without a secret service the keychain is refused with what to do", async () => {
  process.env.DBUS_SESSION_BUS_ADDRESS = "unix:path=/nonexistent";
  if (process.platform !== "linux") return;
  await assert.rejects(createStore({ ...options, path: join(folder, "ring.db"), keyStorage: "keychain" }), { code: "key_storage_missing" });
});

await check("the three providers give equal bytes", async () => {
  const [key, nonce, data] = [new Uint8Array(32).fill(7), new Uint8Array(12).fill(1), new TextEncoder().encode("hello")];
  const results = [];
  for (const provider of ["node", "webcrypto", "noble"]) {
    const sealed = await aesGcm.encrypt(data, { key, nonce, aad: data, provider });
    const derived = await hkdfSha256(key, { salt: nonce, info: data, length: 42, provider });
    results.push([sealed, derived, await hmacSha256(data, { key, provider })].map((bytes) => Buffer.from(bytes).toString("hex")));
    assert.deepEqual(Buffer.from(await aesGcm.decrypt(sealed, { key, nonce, aad: data, provider })), Buffer.from(data));
    sealed[0] ^= 1;
    await assert.rejects(async () => aesGcm.decrypt(sealed, { key, nonce, aad: data, provider }), { code: "tampered" });
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

await check("an adapter of one's own can be checked", async () => {
  const open = () => {
    const rows = new Map();
    return {
      get: async (key) => (rows.has(key) ? JSON.parse(rows.get(key)) : undefined),
      put: async (key, value) => void rows.set(key, JSON.stringify(value)),
      delete: async (key) => void rows.delete(key),
      async *list(prefix) {
        for (const [key, row] of rows) if (key.startsWith(prefix)) yield { key, value: JSON.parse(row) };
      },
    };
  };
  for (const { run } of adapterContract({ open })) await run();
});

await check("kill -9 loses nothing that was written", async () => {
  const killed = join(folder, "killed.db");
  const writer = start("writer.mjs", [killed]);
  await until("some writes", () => writer.output().split("\n").length > 50);
  writer.kill("SIGKILL");
  const numbers = (await writer.ended).output.split("\n").slice(0, -1).map(Number);
  const store = await createStore({ ...options, name: "killed", path: killed });
  for (const n of numbers) assert.deepEqual(await store.records.get(`numbers/${n}`), { n });
  await store.close();
});

finish();
