import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesAfterPrefix, bytesToKey, keyToBytes } from "./key-bytes.ts";

/** The ends of the ranges that encodings treat differently, and what stands beside them. */
const unit = fc.oneof(
  fc.constantFrom("a", "\x7f", "\x80", "\u07ff", "\u0800", "\uccff", "\ud000", "한", "\ud7ff", "\ue000", "\ufffd", "\uffff"),
  fc.constantFrom("\u{10000}", "😀", "\u{10ffff}", "e\u0301", "\u1100\u1161\u11a8", "👩\u200d👩\u200d👧", "/"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
);
const key = fc.array(unit, { maxLength: 12 }).map((parts) => parts.join(""));
/** As libSQL hands them back, and as a browser would. */
const views = [(bytes: Uint8Array) => Buffer.from(bytes), (bytes: Uint8Array) => new Uint8Array(bytes)];

describe("key bytes", () => {
  test("any key comes back from its bytes, whatever kind of array holds them", () => {
    fc.assert(
      fc.property(key, (text) => {
        for (const view of views) expect(bytesToKey(view(keyToBytes(text)))).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(["한😀", "😀한", "한국어/😀/한", "\ud7ff😀", "\ud7ff\ue000", "í😀"])("%j comes back", (text) => {
    for (const view of views) expect(bytesToKey(view(keyToBytes(text)))).toBe(text);
  });

  test("bytes sort as JavaScript sorts the keys, and a prefix ends where its bytes do", () => {
    fc.assert(
      fc.property(key, key, (left, right) => {
        const order = Buffer.compare(keyToBytes(left), keyToBytes(right));
        expect(order).toBe(left < right ? -1 : left > right ? 1 : 0);
        const end = bytesAfterPrefix(keyToBytes(left));
        const isInside = Buffer.compare(keyToBytes(right), keyToBytes(left)) >= 0 && (!end || Buffer.compare(keyToBytes(right), end) < 0);
        expect(isInside).toBe(right.startsWith(left));
      }),
      { numRuns: 2_000 },
    );
  });
});
