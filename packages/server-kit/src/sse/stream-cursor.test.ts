import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStreamCursor, positionsToCursor } from "./stream-cursor.ts";

const refused = expect.objectContaining({ code: "invalid_cursor" });

describe("stream cursors", () => {
  test("one topic is readable, several are packed, both come back", () => {
    expect(positionsToCursor(new Map([["logs", 1234]]))).toBe("logs:1234");
    const topics = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(topics, fc.array(fc.maxSafeNat(), { minLength: 8, maxLength: 8 }), (names, seqs) => {
        const positions = new Map(names.map((name, index) => [name, seqs[index] ?? 0]));
        const cursor = positionsToCursor(positions);
        expect(cursor).toMatch(/^[\w.:-]+$/);
        expect(new Map(parseStreamCursor(cursor, names))).toEqual(positions);
        expect(positionsToCursor(new Map([...positions].reverse()))).toBe(cursor);
      }),
    );
  });

  test("0 is the beginning of every topic", () => {
    expect([...parseStreamCursor("0", ["audit", "logs"])]).toEqual([
      ["audit", 0],
      ["logs", 0],
    ]);
  });

  test.each([
    "",
    "logs",
    "logs:",
    "logs:-1",
    "logs:01",
    "logs:1.5",
    "logs:1e3",
    "logs:9007199254740992",
    "LOGS:1",
    "logs:1 ",
    "logs:1\n",
    "logs:1,logs:2",
    "audit:1,logs:2",
    "%00",
    "null",
    "__proto__:1",
    Buffer.from("logs:2,audit:1").toString("base64url"),
    Buffer.from("logs:1").toString("base64url"),
    `${Buffer.from("audit:1,logs:2").toString("base64url")}=`,
    "A".repeat(10_000),
  ])("%j is refused", (cursor) => {
    expect(() => parseStreamCursor(cursor, ["audit", "logs"])).toThrow(refused);
  });

  test("a cursor of another stream is refused, naming the topic", () => {
    expect(() => parseStreamCursor("repository:4", ["logs"])).toThrow(/repository/);
  });

  test("random text is refused or is exactly what we would have written", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          expect(positionsToCursor(parseStreamCursor(text, ["logs"]))).toBe(text === "0" ? "logs:0" : text);
        } catch (error) {
          expect(error).toEqual(refused);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
