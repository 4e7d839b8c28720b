import { expect, test } from "vitest";
import { createSlots } from "./slots.ts";

test("at most so much goes on at the same time, the rest in its order, also behind what fails", async () => {
  const slots = createSlots(2);
  const ends: (() => void)[] = [];
  const began: number[] = [];
  const work = (id: number) =>
    slots(async () => {
      began.push(id);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (id === 1) throw new Error("one");
      return id;
    });
  const all = Promise.allSettled([0, 1, 2, 3, 4].map(work));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(began).toEqual([0, 1]);
  ends[1]?.();
  await turn();
  expect(began).toEqual([0, 1, 2]);
  for (let index = 0; index < 5; index += 1) {
    ends[index]?.();
    await turn();
  }
  expect(began).toEqual([0, 1, 2, 3, 4]);
  expect((await all).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled", "fulfilled"]);
  // All places are free again.
  expect(await slots(async () => "done")).toBe("done");
});
