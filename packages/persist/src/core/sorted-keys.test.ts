import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSortedKeys } from "./sorted-keys.ts";

describe("sorted keys", () => {
  const key = fc.integer({ min: 0, max: 3_000 }).map(String);
  const step = fc.oneof(fc.tuple(fc.constant("add" as const), key), fc.tuple(fc.constant("delete" as const), key));
  const edge = fc.option(key, { nil: undefined });

  test("hold what a set holds, in order, in every window and both directions", () => {
    const starts = fc.integer({ min: 0, max: 2_500 });
    fc.assert(
      fc.property(starts, fc.array(step, { maxLength: 400 }), edge, edge, fc.boolean(), (start, steps, from, before, reverse) => {
        const model = new Set(Array.from({ length: start }, (_, index) => String(index)));
        const keys = createSortedKeys([...model].sort());
        for (const [type, name] of steps) {
          model[type](name);
          keys[type](name);
        }
        const isInside = (name: string) => (from === undefined || name >= from) && (before === undefined || name < before);
        const expected = [...model].filter(isInside).sort();
        expect([...keys.walk({ from, before, reverse })]).toEqual(reverse ? expected.reverse() : expected);
        expect(keys.size).toBe(model.size);
      }),
    );
  });

  test("grow beyond one run and shrink to none", () => {
    const keys = createSortedKeys([]);
    const names = Array.from({ length: 5_000 }, (_, index) => String((index * 7_919) % 5_000).padStart(4, "0"));
    for (const name of names) keys.add(name);
    expect([...keys.walk({})]).toEqual(names.slice().sort());
    for (const name of names) keys.delete(name);
    expect([[...keys.walk({})], [...keys.walk({ reverse: true })], keys.size]).toEqual([[], [], 0]);
  });

  test("a walk goes on with the keys it saw at its first step", () => {
    const keys = createSortedKeys(["a", "b", "c"]);
    const seen: string[] = [];
    for (const name of keys.walk({})) {
      seen.push(name);
      keys.delete("b");
      keys.add(`${name}x`);
    }
    expect(seen).toEqual(["a", "b", "c"]);
    expect([...keys.walk({})]).toEqual(["a", "ax", "bx", "c", "cx"]);
  });
});
