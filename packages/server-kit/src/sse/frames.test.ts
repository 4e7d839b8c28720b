import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closingFrame, encodeRow, eventFrame, HEARTBEAT, openingFrame, resetFrame, toBytes } from "./frames.ts";
import { createEventParser } from "./test-tools/event-parser.ts";

const nasty = [
  "\r",
  "\n",
  "\r\n",
  "\0",
  "\u2028",
  "\u2029",
  "\u0085",
  "\u000b",
  "\u001c",
  "\ufeff",
  "data: x",
  "id: 1",
  "\n\nevent: reset\n",
  ":",
  "\ud800",
];
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.constantFrom(...nasty, "a", " "), { maxLength: 12 }).map((parts) => parts.join("")),
);

describe("event frames", () => {
  test("any text survives a strict parser, in one message and one line of data", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(anyText, fc.oneof(anyText, fc.jsonValue()), { maxKeys: 4 }), { maxLength: 5 }),
        anyText,
        (datas, id) => {
          const parser = createEventParser();
          const rows = datas.map((data, index) => ({
            seq: index + 1,
            id,
            type: "log",
            ts: "2026-01-02T03:04:05.678Z",
            dataJson: JSON.stringify(data),
          }));
          const frames = rows.map((row) => eventFrame(`logs:${row.seq}`, encodeRow(row).json));
          // biome-ignore lint/suspicious/noControlCharactersInRegex: reason: whatever some language takes for the end of a line
          for (const frame of frames) expect(frame.split(/[\r\n\u0085\u2028\u2029\v\f\x1c\x1d\x1e]/)).toHaveLength(4);
          parser.push(toBytes(frames.join("")));
          expect(parser.events.map(({ type, data, id }) => [type, id, JSON.parse(data)])).toEqual(
            rows.map((row) => [
              "message",
              `logs:${row.seq}`,
              { id: row.id, seq: row.seq, type: "log", ts: row.ts, data: JSON.parse(row.dataJson) },
            ]),
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("data that a module stored as pretty-printed JSON still is one line with the same meaning", () => {
    const data = { a: [1, { b: "x\ny" }] };
    const row = {
      seq: 1,
      id: "i",
      type: "t",
      ts: "2026-01-02T03:04:05.678Z",
      dataJson: JSON.stringify(data, null, "\t").replaceAll("\n", "\r\n"),
    };
    const parser = createEventParser();
    parser.push(toBytes(eventFrame("t:1", encodeRow(row).json)));
    expect(JSON.parse(parser.events[0]?.data ?? "").data).toEqual(data);
  });

  test("a frame cut anywhere gives the same events", () => {
    const row = { seq: 7, id: "é", type: "t", ts: "2026-01-02T03:04:05.678Z", dataJson: JSON.stringify({ text: "ünï \u2028 𝄞" }) };
    const bytes = toBytes(openingFrame("t:6", 2_000) + eventFrame("t:7", encodeRow(row).json));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parser = createEventParser();
      parser.push(bytes.subarray(0, cut));
      parser.push(bytes.subarray(cut));
      expect(parser.events).toHaveLength(1);
      expect(parser.lastEventId()).toBe("t:7");
    }
  });

  test("the opening sets the id and the retry time without an event, a reset is a named event, a heartbeat is a comment", () => {
    const parser = createEventParser();
    parser.push(toBytes(openingFrame("logs:41", 2_000)));
    expect([parser.events, parser.lastEventId(), parser.retryMs()]).toEqual([[], "logs:41", 2_000]);
    parser.push(HEARTBEAT);
    expect([parser.events, parser.comments]).toEqual([[], [" keep-alive"]]);
    parser.push(toBytes(resetFrame("logs:41", { topic: "logs", reason: "expired", oldest: 50 })));
    expect(parser.events).toEqual([{ type: "reset", id: "logs:41", data: '{"topic":"logs","reason":"expired","oldest":50}' }]);
    parser.push(toBytes(closingFrame(5_000)));
    expect([parser.events.length, parser.retryMs()]).toEqual([1, 5_000]);
  });
});
