import { expect, test } from "vitest";
import { isErrorLevel, levelToSeverity } from "./severity.ts";

test("level names of all kinds have a severity", () => {
  expect(["TRACE", "notice", "err", "CRITICAL", "own", "__proto__"].map(levelToSeverity)).toEqual([1, 10, 17, 21, 9, 9]);
  expect(["silly", "fine", "Severe", "crit", "emerg"].map(levelToSeverity)).toEqual([1, 5, 17, 21, 23]);
});

test("an error by any name is one, nothing else is", () => {
  expect(["error", "ERR", "severe", "crit", "fatal", "alert", "emergency"].filter(isErrorLevel)).toHaveLength(7);
  expect(["warning", "info", "own", "", 50, undefined, null].filter(isErrorLevel)).toEqual([]);
});
