import { describe, expect, it } from "vitest";
import { jsonWriterFor } from "./plain-json.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function randomValue(random: () => number, depth: number): unknown {
  const texts = ["", "plain", "été", "日本", "👍🏽", "  ", "\u007f", "a/b", "'", "__proto__x", "0"];
  const numbers = [0, -0, 1, -1, 1.5, 1e21, 1e-7, 5e-324, 2 ** 53, 123456789012345680000, 0.1 + 0.2];
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const kind = random();
  if (depth === 0 || kind < 0.4) return pick([() => pick(texts), () => pick(numbers), () => random() < 0.5, () => null])();
  const size = Math.floor(random() * 5);
  if (kind < 0.6) return Array.from({ length: size }, () => randomValue(random, depth - 1));
  return Object.fromEntries(Array.from({ length: size }, () => [pick([...texts, "7", "10", "b"]), randomValue(random, depth - 1)]));
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("JSON of what a body without escapes was parsed into", () => {
  it("is what JSON.stringify gives", () => {
    for (let seed = 0; seed < 3_000; seed += 1) {
      const text = JSON.stringify(randomValue(seeded(seed), 4));
      expect(text).not.toContain("\\");
      const toJson = jsonWriterFor(encode(text));
      expect(toJson).not.toBe(JSON.stringify);
      expect(toJson(JSON.parse(text)), `seed ${seed}`).toBe(text);
    }
  });

  it("has an own __proto__ as any other key", () => {
    const text = '{"__proto__":{"a":1},"constructor":2,"toJSON":"x"}';
    expect(jsonWriterFor(encode(text))(JSON.parse(text))).toBe(text);
  });

  it("is left to JSON.stringify where the body has an escape anywhere", () => {
    for (const text of ['{"a":"\\""}', '{"a\\u0000":1}', '["\\ud800"]', '{"a":"b","c":["\\\\"]}']) {
      const toJson = jsonWriterFor(encode(text));
      expect(JSON.parse(toJson(JSON.parse(text)))).toEqual(JSON.parse(text));
      expect(toJson).toBe(JSON.stringify);
    }
  });

  it("looks at its own bytes only, not at the rest of their buffer", () => {
    const whole = encode('\\{"a":"b"}\\');
    expect(jsonWriterFor(whole.subarray(1, -1))).not.toBe(JSON.stringify);
    expect(jsonWriterFor(whole.subarray(1))).toBe(JSON.stringify);
  });
});
