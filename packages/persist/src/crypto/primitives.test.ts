// Published vectors through all three providers, and agreement of the providers where no vector reaches.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { aesGcm, hkdfSha256, hmacSha256, open, seal } from "./index.ts";
import type { ProviderName } from "./providers/provider.ts";

const providers: readonly ProviderName[] = ["node", "webcrypto", "noble"];

function vectors<T>(file: string): readonly T[] {
  return (JSON.parse(readFileSync(new URL(`../../vectors/${file}`, import.meta.url), "utf8")) as { cases: readonly T[] }).cases;
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const pattern = (size: number, step: number) => Uint8Array.from({ length: size }, (_, i) => (i * step + 7) & 255);

interface GcmCase {
  readonly name: string;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly tag: string;
}

describe.each(providers)("with provider %s", (provider) => {
  test.each(vectors<{ name: string; key: string; data: string; mac: string }>("hmac-sha256.rfc4231.json"))(
    "HMAC RFC 4231 $name",
    async (v) => {
      expect(hex(await hmacSha256(bytes(v.data), { key: bytes(v.key), provider }))).toBe(v.mac);
    },
  );

  test.each(vectors<{ name: string; ikm: string; salt: string; info: string; length: number; okm: string }>("hkdf-sha256.rfc5869.json"))(
    "HKDF RFC 5869 $name",
    async (v) => {
      const okm = await hkdfSha256(bytes(v.ikm), { salt: bytes(v.salt), info: bytes(v.info), length: v.length, provider });
      expect(hex(okm)).toBe(v.okm);
    },
  );

  test.each(vectors<GcmCase>("aes-gcm.nist.json"))("AES-GCM $name seals and opens", async (v) => {
    const options = { key: bytes(v.key), nonce: bytes(v.nonce), aad: bytes(v.aad), provider };
    expect(hex(await aesGcm.encrypt(bytes(v.plaintext), options))).toBe(v.ciphertext + v.tag);
    expect(hex(await aesGcm.decrypt(bytes(v.ciphertext + v.tag), options))).toBe(v.plaintext);
    expect(hex(await aesGcm.decrypt(bytes(v.ciphertext), { ...options, tag: bytes(v.tag) }))).toBe(v.plaintext);
  });

  test("every nonce, key, data and associated data size gives the bytes of node:crypto and noble", async () => {
    for (const nonceBytes of [1, 2, 7, 8, 11, 12, 13, 15, 16, 17, 32, 60, 64, 127, 128, 129, 256, 300]) {
      for (const keyBytes of [16, 24, 32]) {
        const options = { key: pattern(keyBytes, 3), nonce: pattern(nonceBytes, 5), aad: pattern((nonceBytes * 7) % 70, 11) };
        const plaintext = pattern((nonceBytes * 5 + keyBytes) % 100, 13);
        const reference = await aesGcm.encrypt(plaintext, { ...options, provider: nonceBytes <= 128 ? "node" : "noble" });
        expect(await aesGcm.encrypt(plaintext, { ...options, provider })).toEqual(reference);
        expect(await aesGcm.decrypt(reference, { ...options, provider })).toEqual(plaintext);
      }
    }
  });

  test("empty plaintext, empty and long associated data, and 1 MiB of data round-trip", async () => {
    for (const [size, aadBytes] of [
      [0, 0],
      [0, 70_000],
      [1, 0],
      [1_048_576, 3],
    ] as const) {
      const options = { key: pattern(32, 1), nonce: pattern(12, 1), aad: pattern(aadBytes, 3), provider };
      const plaintext = pattern(size, 17);
      const sealed = await aesGcm.encrypt(plaintext, options);
      expect(sealed.length).toBe(size + 16);
      expect(Buffer.compare(await aesGcm.decrypt(sealed, options), plaintext)).toBe(0);
    }
  });

  test("a flipped bit anywhere, a cut and a wrong key are refused as tampered", async () => {
    for (const nonceBytes of [1, 12, 200]) {
      const options = { key: pattern(32, 1), nonce: pattern(nonceBytes, 1), aad: pattern(5, 3), provider };
      const sealed = await aesGcm.encrypt(pattern(20, 3), options);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const changed = sealed.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        await expect(aesGcm.decrypt(changed, options)).rejects.toMatchObject({ code: "tampered" });
      }
      for (const size of [0, 1, 15, 16, 35]) {
        await expect(aesGcm.decrypt(sealed.subarray(0, size), options)).rejects.toMatchObject({ code: "tampered" });
      }
      await expect(aesGcm.decrypt(sealed, { ...options, key: pattern(32, 2) })).rejects.toMatchObject({ code: "tampered" });
      await expect(aesGcm.decrypt(sealed, { ...options, aad: pattern(5, 4) })).rejects.toMatchObject({ code: "tampered" });
    }
  });

  test("HMAC takes every key length and HKDF every length up to 255 blocks, as node:crypto does", async () => {
    for (const size of [0, 1, 31, 32, 63, 64, 65, 200]) {
      const mac = await hmacSha256(pattern(size, 3), { key: pattern(size, 5), provider });
      expect(mac).toEqual(await hmacSha256(pattern(size, 3), { key: pattern(size, 5), provider: "node" }));
    }
    const long = await hkdfSha256(pattern(0, 1), { length: 255 * 32, provider });
    expect(long.length).toBe(8160);
    for (const length of [1, 31, 32, 33, 64, 8159]) {
      expect(await hkdfSha256(pattern(0, 1), { length, provider })).toEqual(long.slice(0, length));
    }
  });

  test("wrong parameters are named", async () => {
    const fine = { key: pattern(32, 1), nonce: pattern(12, 1), provider };
    const data = pattern(4, 1);
    await expect(aesGcm.encrypt(data, { ...fine, key: pattern(31, 1) })).rejects.toThrow(/16, 24 or 32 bytes, got 31/);
    await expect(aesGcm.encrypt(data, { ...fine, nonce: pattern(0, 1) })).rejects.toMatchObject({ code: "invalid_parameter" });
    await expect(aesGcm.decrypt(data, { ...fine, tag: pattern(12, 1) })).rejects.toMatchObject({ code: "invalid_parameter" });
    await expect(hkdfSha256(data, { length: 8161, provider })).rejects.toThrow(/1 to 8160/);
    await expect(hmacSha256("text" as never, { key: data, provider })).rejects.toMatchObject({ code: "invalid_parameter" });
  });
});

test.each(providers)("%s takes bytes in memory that threads share, with the same result", async (provider) => {
  const shared = (size: number, step: number) => {
    const copy = new Uint8Array(new SharedArrayBuffer(size));
    copy.set(pattern(size, step));
    return copy;
  };
  const [data, key, nonce] = [pattern(20, 3), pattern(32, 1), pattern(12, 5)];
  const options = { key: shared(32, 1), nonce: shared(12, 5), aad: shared(4, 1), provider };
  const sealed = await aesGcm.encrypt(shared(20, 3), options);
  expect(sealed).toEqual(await aesGcm.encrypt(data, { key, nonce, aad: pattern(4, 1), provider: "node" }));
  expect(await aesGcm.decrypt(sealed, options)).toEqual(data);
  expect(await hmacSha256(shared(20, 3), { key: shared(32, 1), provider })).toEqual(await hmacSha256(data, { key, provider: "node" }));
  const derived = await hkdfSha256(shared(20, 3), { salt: shared(3, 1), info: shared(2, 1), length: 40, provider });
  expect(derived).toEqual(await hkdfSha256(data, { salt: pattern(3, 1), info: pattern(2, 1), length: 40, provider: "node" }));
  expect(await open(await seal(shared(20, 3), { key: shared(32, 1), provider }), { key, provider })).toEqual(data);
});

test.each([
  ["hkdfSha256", () => hkdfSha256(pattern(3, 1), undefined as never)],
  ["hmacSha256", () => hmacSha256(pattern(3, 1), undefined as never)],
  ["aesGcm.encrypt", () => aesGcm.encrypt(pattern(3, 1), undefined as never)],
  ["aesGcm.decrypt", () => aesGcm.decrypt(pattern(30, 1), undefined as never)],
  ["aesGcm.provider", () => aesGcm.provider(undefined as never)],
  ["aesGcm.provider with nothing", () => aesGcm.provider({} as never)],
  ["seal", () => seal(pattern(3, 1), undefined as never)],
])("%s without options is an invalid parameter", async (_name, call) => {
  await expect(call()).rejects.toMatchObject({ code: "invalid_parameter" });
});

test("a provider that cannot take a size says which one serves instead", async () => {
  expect(await aesGcm.provider({ provider: "webcrypto", keyBytes: 24, nonceBytes: 12 })).toBe("noble");
  expect(await aesGcm.provider({ provider: "webcrypto", keyBytes: 32, nonceBytes: 8 })).toBe("noble");
  expect(await aesGcm.provider({ provider: "webcrypto", keyBytes: 32, nonceBytes: 12 })).toBe("webcrypto");
  expect(await aesGcm.provider({ provider: "node", keyBytes: 24, nonceBytes: 1 })).toBe("node");
});

test("an unknown provider is an invalid option", async () => {
  await expect(hmacSha256(new Uint8Array(1), { key: new Uint8Array(1), provider: "openssl" as never })).rejects.toMatchObject({
    code: "invalid_option",
  });
});
