// A key that a file has is never taken for a new one; few new ones are taken for known.
import fc from "fast-check";
import { expect, test } from "vitest";
import { createKnownKeys } from "./known-keys.ts";

const hourMs = 3_600_000;

test("a key is new once, by project", () => {
  const known = createKnownKeys();
  known.setLoaded();
  expect([known.meet("p1", "k"), known.meet("p1", "k"), known.meet("p2", "k"), known.meet("p1", "k2")]).toEqual([true, false, true, true]);
  known.add("p3", "of a file");
  expect(known.meet("p3", "of a file")).toBe(false);
  expect([known.mayHave("p1", "asked"), known.mayHave("p1", "asked"), known.mayHave("p1", "k")]).toEqual([false, false, true]);
});

test("nothing is new before the keys of the files are here, and what came meanwhile is known then", () => {
  const known = createKnownKeys();
  expect(known.meet("p", "k")).toBe(false);
  known.setLoaded();
  expect([known.meet("p", "k"), known.meet("p", "other")]).toEqual([false, true]);
});

test("whatever the texts: what was met is known", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 200 }), (pairs) => {
      const known = createKnownKeys({ firstKeys: 32, mostKeys: 128, mostFilters: 1 });
      known.setLoaded();
      for (const [project, key] of pairs) known.meet(project, key);
      return pairs.every(([project, key]) => !known.meet(project, key));
    }),
  );
});

test("over many filters few new keys are taken for known ones, and none the other way round", () => {
  const known = createKnownKeys({ firstKeys: 1_024, mostKeys: 16_384, mostFilters: 8 });
  known.setLoaded();
  let wrong = 0;
  for (let index = 0; index < 100_000; index++) if (!known.meet("project", `key-${index}`)) wrong++;
  expect(wrong).toBeLessThan(1_000);
  for (let index = 0; index < 100_000; index++) if (known.meet("project", `key-${index}`)) throw new Error(`key-${index} was forgotten`);
});

test("more keys than all filters hold are known all the same", () => {
  const known = createKnownKeys({ firstKeys: 64, mostKeys: 64, mostFilters: 2 });
  known.setLoaded();
  for (let index = 0; index < 10_000; index++) known.meet("project", `key-${index}`);
  for (let index = 0; index < 10_000; index++) if (known.meet("project", `key-${index}`)) throw new Error(`key-${index} was forgotten`);
});

test("a key is known for as long as the files keep it, however busy it is; then its filter makes room", () => {
  let nowMs = 0;
  const known = createKnownKeys({ clock: () => nowMs, firstKeys: 64, mostKeys: 64, mostFilters: 1 });
  known.setLoaded();
  known.meet("p", "early");
  for (let hour = 0; hour < 80; hour++) {
    nowMs = hour * hourMs;
    for (let index = 0; index < 20; index++) known.meet("p", `${hour}-${index}`);
    const since = Math.max(0, hour - 24);
    for (let past = since; past <= hour; past++)
      if (known.meet("p", `${past}-0`)) throw new Error(`hour ${past} was forgotten in hour ${hour}`);
  }
  nowMs += 60 * hourMs;
  known.meet("p", "opens a new filter");
  expect(known.meet("p", "early")).toBe(true);
});
