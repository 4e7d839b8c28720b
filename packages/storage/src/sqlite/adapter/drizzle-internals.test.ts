// A Drizzle line that works in another way is refused in words.
import { expect, test } from "vitest";
import { assertSupportedDrizzle } from "./drizzle-internals.ts";

test("0.45 and later 0.x are taken, everything else is unsupported_drizzle with both versions", () => {
  for (const version of ["0.45.0", "0.45.4", "0.99.1", "0.46.0-beta.1"]) expect(() => assertSupportedDrizzle(version)).not.toThrow();
  for (const version of ["1.0.0", "1.0.0-rc.5", "2.1.0", "0.44.7", "0.30.10"]) {
    const error = expect.objectContaining({
      code: "unsupported_drizzle",
      message: expect.stringContaining(version),
      details: { found: version, expected: ">=0.45 <1" },
    });
    expect(() => assertSupportedDrizzle(version)).toThrow(error);
  }
});
