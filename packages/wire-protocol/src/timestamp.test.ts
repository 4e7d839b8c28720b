// Timestamps against the vectors, the platform's own calendar and arbitrary text.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readVectors } from "../test/vectors.ts";
import { parseTimestamp } from "./timestamp.ts";

const vectors = readVectors<{ accepted: { text: string; ts: string }[]; refused: string[] }>("timestamps");

describe("parseTimestamp", () => {
  test.each(vectors.accepted)("reads $text as $ts", ({ text, ts }) => {
    expect(parseTimestamp(text)).toEqual({ ts, tsMs: new Date(ts).getTime() });
  });

  test.each(vectors.refused)("refuses %j", (text) => {
    expect(parseTimestamp(text)).toBeNull();
  });

  test("agrees with the platform on every millisecond of years 0 to 9999", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (ms) => {
        const iso = new Date(ms).toISOString();
        expect(parseTimestamp(iso)).toEqual({ ts: iso, tsMs: ms });
      }),
      { numRuns: 5_000 },
    );
  });

  test("reads one moment the same under every offset", () => {
    const minutes = fc.integer({ min: -1439, max: 1439 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), minutes, (ms, offset) => {
        const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
        const size = Math.abs(offset);
        const pad = (value: number) => String(value).padStart(2, "0");
        const text = `${local}${offset < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
        expect(parseTimestamp(text)).toEqual({ ts: new Date(ms).toISOString(), tsMs: ms });
      }),
      { numRuns: 5_000 },
    );
  });

  test("accepts exactly the days that exist", () => {
    for (const year of [1900, 2000, 2023, 2024, 2100]) {
      for (let month = 1; month <= 12; month += 1) {
        for (let day = 1; day <= 31; day += 1) {
          const text = `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}T00:00:00Z`;
          const exists = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
          expect(parseTimestamp(text) !== null, text).toBe(exists);
        }
      }
    }
  });

  test("never throws, and what it accepts it accepts again unchanged", () => {
    const nearly = fc.stringMatching(/^[0-9TtZz:.+\- ]{18,32}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (text) => {
        const read = parseTimestamp(text);
        if (read !== null) expect(parseTimestamp(read.ts)).toEqual(read);
      }),
      { numRuns: 5_000 },
    );
  });
});
