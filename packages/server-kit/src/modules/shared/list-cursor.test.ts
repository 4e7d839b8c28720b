import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idToCursor, parseCursor, parseIdCursor, positionToCursor } from "./list-cursor.ts";

const scope = { table: "logs_events", projectId: "p1" };
const refused = expect.objectContaining({ code: "invalid_cursor" });

describe("list cursors", () => {
  test("every position comes back", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeNat(), (tsMs, seq) => {
        expect(parseCursor(positionToCursor({ tsMs, seq }, scope), scope)).toEqual({ tsMs, seq });
      }),
    );
  });

  test("every id comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (id) => {
        expect(parseIdCursor(idToCursor(id, scope), scope)).toBe(id);
      }),
    );
  });

  test("one of another project or list is refused", () => {
    const cursor = positionToCursor({ tsMs: 1, seq: 2 }, scope);
    expect(() => parseCursor(cursor, { ...scope, projectId: "p2" })).toThrow(refused);
    expect(() => parseCursor(cursor, { ...scope, table: "audit_events" })).toThrow(refused);
    const ofId = idToCursor("proj_1", scope);
    expect(() => parseIdCursor(ofId, { ...scope, projectId: "p2" })).toThrow(refused);
    expect(() => parseCursor(ofId, scope)).toThrow(refused);
  });

  test("changed, cut, padded and made-up ones are refused", () => {
    const cursor = positionToCursor({ tsMs: 1_777_293_296_000, seq: 42 }, scope);
    for (let index = 0; index < cursor.length; index++) {
      const changed = cursor.slice(0, index) + (cursor[index] === "A" ? "B" : "A") + cursor.slice(index + 1);
      expect(() => parseCursor(changed, scope)).toThrow(refused);
      expect(() => parseCursor(cursor.slice(0, index), scope)).toThrow(refused);
    }
    for (const text of [`${cursor}=`, `${cursor}A`, ` ${cursor}`, "", "0", "null", "../../etc/passwd", "' OR 1=1 --"]) {
      expect(() => parseCursor(text, scope)).toThrow(refused);
      expect(() => parseIdCursor(text, scope)).toThrow(refused);
    }
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void expect(() => parseCursor(text, scope)).toThrow(refused)));
  });
});
