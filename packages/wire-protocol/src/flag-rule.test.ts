// The flag rule against the vectors, and the shape of its buckets.
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readVectors } from "../test/vectors.ts";
import { evaluateFlag, type FlagContext, type FlagDefinition, flagBucket } from "./flag-rule.ts";

const vectors = readVectors<{
  buckets: { flagKey: string; userId: string; bucket: number }[];
  evaluations: { name: string; flag: FlagDefinition; context: FlagContext; enabled: boolean; reason: string }[];
}>("flags");

afterEach(() => vi.unstubAllGlobals());

test.each(vectors.buckets)("$flagKey:$userId falls into bucket $bucket", ({ flagKey, userId, bucket }) => {
  expect(flagBucket(flagKey, userId)).toBe(bucket);
  vi.stubGlobal("process", undefined);
  const portable = flagBucket(flagKey, userId);
  vi.unstubAllGlobals();
  expect(portable).toBe(bucket);
});

test("the published buckets hold", () => {
  expect(flagBucket("checkout_redesign", "alice@example.com")).toBe(53);
  expect(flagBucket("new_nav", "u1")).toBe(92);
  expect(flagBucket("ünï", "u1")).toBe(95);
});

test.each(vectors.evaluations)("$name", ({ flag, context, enabled, reason }) => {
  expect(evaluateFlag(flag, context)).toMatchObject({ enabled, reason });
});

describe("rollout", () => {
  test("only ever adds users as the percentage grows", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), fc.nat(100), fc.nat(100), (key, userId, a, b) => {
        const isOn = (rollout: number) => evaluateFlag({ key, enabled: true, rollout }, { userId }).enabled;
        if (isOn(Math.min(a, b))) expect(isOn(Math.max(a, b))).toBe(true);
      }),
    );
  });

  test("spreads users evenly over the buckets", () => {
    const counts = new Array<number>(100).fill(0);
    for (let user = 0; user < 20_000; user += 1) {
      const bucket = flagBucket("spread", `user_${user}`);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    const chiSquared = counts.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
    // 99 degrees of freedom: 148 is passed once in a thousand, and these users are always the same.
    expect(chiSquared).toBeLessThan(148);
  });

  test("nonsense percentages are off rather than on", () => {
    expect(evaluateFlag({ key: "k", enabled: true, rollout: Number.NaN }, { userId: "u" }).enabled).toBe(false);
    expect(evaluateFlag({ key: "k", enabled: true, rollout: -1 }, { userId: "u" }).enabled).toBe(false);
  });
});
