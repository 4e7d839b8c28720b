// The envelope: frozen bytes, equal in all providers, and refused when anything about it is not as sealed.
import { readFileSync } from "node:fs";
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { describe, expect, test } from "vitest";
import { envelopeOverheadBytes, generateKey, open, seal } from "./index.ts";
import type { ProviderName } from "./providers/provider.ts";

const providers: readonly ProviderName[] = ["node", "webcrypto", "noble"];
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

interface EnvelopeCase {
  readonly name: string;
  readonly key: string;
  readonly context: string;
  readonly epoch: number;
  readonly randomStep: number;
  readonly randomOffset: number;
  readonly plaintext: string;
  readonly envelope: string;
}

const frozen = (JSON.parse(readFileSync(new URL("../../vectors/envelope.v1.json", import.meta.url), "utf8")) as { cases: EnvelopeCase[] })
  .cases;

describe.each(providers)("with provider %s", (provider) => {
  test.each(frozen)("the frozen envelope $name opens, and is sealed to the same bytes", async (v) => {
    const key = bytes(v.key);
    let i = 0;
    const random = (size: number) => Uint8Array.from({ length: size }, () => (i++ * v.randomStep + v.randomOffset) & 255);
    expect(hex(await open(bytes(v.envelope), { key, context: v.context, provider }))).toBe(v.plaintext);
    expect(hex(await seal(bytes(v.plaintext), { key, context: v.context, epoch: v.epoch, random, provider }))).toBe(v.envelope);
  });

  test("every flipped bit is refused with a typed error", async () => {
    const { key, envelope, context } = frozen[1]!;
    const sealed = bytes(envelope);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const error = await open(changed, { key: bytes(key), context, provider }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(isCuittyError(error), `bit ${bit}`).toBe(true);
      expect(["tampered", "wrong_key", "newer_format"]).toContain((error as { code: string }).code);
    }
  });
});

test("every truncation and every extension is refused as tampered", async () => {
  const { key, envelope, context } = frozen[1]!;
  const sealed = bytes(envelope);
  for (let size = 0; size < sealed.length; size++) {
    await expect(open(sealed.slice(0, size), { key: bytes(key), context })).rejects.toMatchObject({ code: "tampered" });
  }
  await expect(open(Uint8Array.from([...sealed, 0]), { key: bytes(key), context })).rejects.toMatchObject({ code: "tampered" });
});

test("another context is tampered, another key is a wrong key, and neither says anything of the plaintext", async () => {
  const key = generateKey();
  const sealed = await seal(new TextEncoder().encode("canary-4711"), { key, context: "records/a" });
  expect(sealed.length).toBe(11 + envelopeOverheadBytes);
  for (const [options, code] of [
    [{ key, context: "records/b" }, "tampered"],
    [{ key: generateKey(), context: "records/a" }, "wrong_key"],
  ] as const) {
    const error = await open(sealed, options).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code });
    expect(String(error?.stack)).not.toContain("canary");
  }
});

test("sealing the same value twice shares no salt, nonce or ciphertext", async () => {
  const key = generateKey();
  const [one, two] = [await seal(new Uint8Array(32), { key }), await seal(new Uint8Array(32), { key })];
  expect(hex(one.slice(9, 33))).not.toBe(hex(two.slice(9, 33)));
  expect(hex(one.slice(77))).not.toBe(hex(two.slice(77)));
});

test("keys of another size and things that are no bytes are invalid parameters", async () => {
  await expect(seal(new Uint8Array(1), { key: new Uint8Array(16) })).rejects.toMatchObject({ code: "invalid_parameter" });
  await expect(seal("text" as never, { key: generateKey() })).rejects.toMatchObject({ code: "invalid_parameter" });
  await expect(open("text" as never, { key: generateKey() })).rejects.toMatchObject({ code: "invalid_parameter" });
});

test("epochs that do not fit into the envelope and contexts that are no text are invalid parameters", async () => {
  const key = generateKey();
  for (const epoch of [0, -1, 1.5, 2 ** 32, Number.NaN, "1" as never])
    await expect(seal(new Uint8Array(1), { key, epoch })).rejects.toMatchObject({ code: "invalid_parameter" });
  expect((await seal(new Uint8Array(1), { key, epoch: 2 ** 32 - 1 })).slice(5, 9)).toEqual(new Uint8Array(4).fill(255));
  const sealed = await seal(new Uint8Array(1), { key, context: "a\ufffd" });
  for (const context of ["a\ud800", "\udc00", 7 as never]) {
    await expect(seal(new Uint8Array(1), { key, context })).rejects.toMatchObject({ code: "invalid_parameter" });
    await expect(open(sealed, { key, context })).rejects.toMatchObject({ code: "invalid_parameter" });
  }
  await expect(seal(new Uint8Array(1), null as never)).rejects.toMatchObject({ code: "invalid_parameter" });
  await expect(open(sealed, null as never)).rejects.toMatchObject({ code: "invalid_parameter" });
});
