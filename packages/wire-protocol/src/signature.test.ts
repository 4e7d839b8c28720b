// Signatures against the vectors, through both implementations, and under mutation.
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { bytesOfHex, readVectors } from "../test/vectors.ts";
import { hmacSha256, hmacSha256Portable } from "./signature/hmac.ts";
import { isEqualBytes, signBody, signBodyExtended, type VerifyOptions, verifyBody } from "./signature.ts";

interface BodyCase {
  readonly name: string;
  readonly secret: string;
  readonly bodyHex: string;
}
interface ExtendedCase extends BodyCase {
  readonly idempotencyKey: string;
  readonly nowSeconds: number;
  readonly header: string;
  readonly ok: boolean;
  readonly reason?: string;
}
const vectors = readVectors<{
  accepted: (BodyCase & { signature: string })[];
  refused: (BodyCase & { header: string; reason: string })[];
  extended: ExtendedCase[];
}>("signatures");

const codeOf = { missing: "signature_required", outside_window: "signature_expired" } as Record<string, string>;
const secretsOf = (secret: string) => [{ id: "sec_1", secret }];
const body = new TextEncoder().encode('{"events":[]}');

afterEach(() => vi.unstubAllGlobals());

describe.each(["node:crypto", "JavaScript alone"])("with %s", (implementation) => {
  const withImplementation = <Result>(run: () => Result): Result => {
    if (implementation === "JavaScript alone") vi.stubGlobal("process", undefined);
    const result = run();
    vi.unstubAllGlobals();
    return result;
  };

  test.each(vectors.accepted)("$name is signed as elsewhere and verified", ({ secret, bodyHex, signature }) => {
    const bytes = bytesOfHex(bodyHex);
    expect(withImplementation(() => signBody(bytes, secret))).toBe(signature);
    const options: VerifyOptions = { header: signature, secrets: secretsOf(secret) };
    expect(withImplementation(() => verifyBody(bytes, options))).toEqual({ ok: true, secretId: "sec_1", form: "bare" });
  });

  test.each(vectors.refused)("$name is refused", ({ secret, bodyHex, header, reason }) => {
    const options: VerifyOptions = { header, secrets: secretsOf(secret) };
    expect(withImplementation(() => verifyBody(bytesOfHex(bodyHex), options))).toEqual({
      ok: false,
      reason,
      code: codeOf[reason] ?? "signature_mismatch",
    });
  });

  test.each(vectors.extended)("extended form: $name", ({ secret, bodyHex, idempotencyKey, nowSeconds, header, ok, reason = "" }) => {
    const options: VerifyOptions = { header, secrets: secretsOf(secret), idempotencyKey, nowMs: nowSeconds * 1000 };
    const expected = ok ? { ok, secretId: "sec_1", form: "extended" } : { ok, reason, code: codeOf[reason] ?? "signature_mismatch" };
    expect(withImplementation(() => verifyBody(bytesOfHex(bodyHex), options))).toEqual(expected);
  });
});

describe("views with an offset", () => {
  test("are signed and verified as views, not as their buffers", () => {
    const padded = new Uint8Array([9, 9, 9, ...body, 9, 9]);
    const view = padded.subarray(3, 3 + body.length);
    expect(signBody(view, "s")).toBe(signBody(body, "s"));
    expect(verifyBody(view, { header: signBody(body, "s"), secrets: secretsOf("s") }).ok).toBe(true);
    expect(hmacSha256Portable(view.subarray(0, 4), [view])).toEqual(new Uint8Array(hmacSha256(body.subarray(0, 4), [body])));
  });

  test("compare by content", () => {
    const buffer = new Uint8Array([1, 2, 3, 4, 1, 2]);
    expect(isEqualBytes(buffer.subarray(0, 2), buffer.subarray(2, 4))).toBe(false);
    expect(isEqualBytes(buffer.subarray(0, 2), buffer.subarray(4, 6))).toBe(true);
    expect(isEqualBytes(buffer.subarray(0, 2), buffer.subarray(0, 3))).toBe(false);
    expect(isEqualBytes(new Uint8Array(), new Uint8Array())).toBe(true);
  });
});

describe("rotation", () => {
  const secrets = [
    { id: "new", secret: "b" },
    { id: "old", secret: "a" },
  ];

  test("either live secret verifies, and the result says which", () => {
    expect(verifyBody(body, { header: signBody(body, "a"), secrets })).toMatchObject({ ok: true, secretId: "old" });
    expect(verifyBody(body, { header: signBody(body, "b"), secrets })).toMatchObject({ ok: true, secretId: "new" });
    expect(verifyBody(body, { header: signBody(body, "c"), secrets })).toMatchObject({ ok: false, reason: "mismatch" });
    expect(verifyBody(body, { header: signBody(body, "c"), secrets: [] })).toMatchObject({ ok: false, reason: "mismatch" });
  });

  test("the secret id of the extended form is a hint, not a choice", () => {
    const parts = { timestampSeconds: 1_777_291_200, secretId: "stale-name", idempotencyKey: "key-12345678" };
    const header = signBodyExtended(body, "a", parts);
    const options = { header, secrets, idempotencyKey: "key-12345678", nowMs: 1_777_291_200_000 };
    expect(verifyBody(body, options)).toEqual({ ok: true, secretId: "old", form: "extended" });
  });
});

test("the bare form can be refused", () => {
  const header = signBody(body, "s");
  expect(verifyBody(body, { header, secrets: secretsOf("s"), requireExtended: true })).toEqual({
    ok: false,
    reason: "extended_required",
    code: "signature_required",
  });
});

test("no header is a missing signature", () => {
  for (const header of [null, undefined, ""]) {
    expect(verifyBody(body, { header, secrets: secretsOf("s") })).toEqual({ ok: false, reason: "missing", code: "signature_required" });
  }
});

describe("properties", () => {
  const bytes = fc.uint8Array({ maxLength: 300 });

  test("both implementations give the same bytes", () => {
    fc.assert(
      fc.property(bytes, fc.array(bytes, { maxLength: 3 }), (key, parts) => {
        expect(Buffer.from(hmacSha256(key, parts)).equals(Buffer.from(hmacSha256Portable(key, parts)))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("what is signed is verified, and no mutant of header or body is", () => {
    const mutate = (header: string, position: number, piece: string) =>
      header.slice(0, position % 65) + piece + header.slice((position % 65) + (position % 3));
    fc.assert(
      fc.property(
        bytes,
        fc.string(),
        fc.nat(),
        fc.oneof(fc.string({ maxLength: 4 }), fc.stringMatching(/^[0-9a-fA-F]{1,4}$/)),
        (content, secret, position, piece) => {
          const header = signBody(content, secret);
          const secrets = secretsOf(secret);
          expect(verifyBody(content, { header, secrets }).ok).toBe(true);
          const mutant = mutate(header, position, piece);
          if (mutant !== header) expect(verifyBody(content, { header: mutant, secrets }).ok).toBe(false);
          const changed = Uint8Array.from([...content, position % 256]);
          expect(verifyBody(changed, { header, secrets }).ok).toBe(false);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test("no header makes it throw", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `t=1,k=a,v1=${text}`),
        ),
        (header) => {
          expect(verifyBody(body, { header, secrets: secretsOf("s") }).ok).toBe(false);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
