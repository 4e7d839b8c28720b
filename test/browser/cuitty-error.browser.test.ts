// The contract's plain parts in a real browser: no Node built-in, no TypeBox.
import { CuittyError, isCuittyError, LIMITS } from "@cuitty/wire-protocol";
import { expect, test } from "vitest";

test("an error keeps its code, brand and cause in a browser", () => {
  const cause = new TypeError("inner");
  const error = new CuittyError("busy", "try again", { retryable: true, cause });
  expect(isCuittyError(error, "busy")).toBe(true);
  expect(isCuittyError(structuredClone({ code: "busy" }))).toBe(false);
  expect(error.cause).toBe(cause);
  expect(LIMITS.batchBytes).toBe(5_242_880);
});
