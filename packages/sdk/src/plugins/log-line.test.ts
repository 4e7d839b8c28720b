// Lines to events: exact text, every level and time, and never a piece of JSON that does not parse.
import { Value } from "@sinclair/typebox/value";
import fc from "fast-check";
import { expect, test } from "vitest";
import { logSchema } from "../../../wire-protocol/src/events/log.ts";
import { endOfValue as endOf, startScan } from "./json-scan.ts";
import { createLineMapper, type LineFacts } from "./log-line.ts";

const now = () => Date.UTC(2026, 0, 1);
const map = createLineMapper({ minLevel: 0, ingestPath: "/api/ingest", now });
const dataOf = (line: string, facts?: LineFacts) => JSON.parse(map(line, facts)?.dataJson ?? "null") as unknown;

test("a line of pino is sorted into the fields of the wire", () => {
  const line =
    '{"level":30,"time":1767225600123,"pid":7,"hostname":"a","name":"api","module":"db","trace_id":"t","rows":2,"msg":"read \\"x\\""}\n';
  expect(map(line)).toEqual({
    timestamp: "2026-01-01T00:00:00.123Z",
    dataJson:
      '{"level":"info","message":"read \\"x\\"","module":"db","service":"api","host":"a","traceId":"t","fields":{"pid":7,"rows":2}}',
  });
});

test("numbers and escapes of fields arrive exactly as written", () => {
  expect(map('{"level":30,"big":12345678901234567890,"e":1.50e+3,"u":"\\u00e9\\/","msg":"m"}')?.dataJson).toContain(
    '"fields":{"big":12345678901234567890,"e":1.50e+3,"u":"\\u00e9\\/"}',
  );
});

test("of a key that stands twice the last one counts, as in JSON.parse", () => {
  expect(dataOf('{"level":30,"module":"a","n":1,"module":"b","n":2,"msg":"x","msg":"y"}')).toEqual({
    level: "info",
    message: "y",
    module: "b",
    fields: { n: 2 },
  });
});

test("values of an unexpected type stay in the fields", () => {
  expect(dataOf('{"level":30,"module":{"a":1},"hostname":null,"msg":{"deep":[]}}')).toEqual({
    level: "info",
    message: '{"deep":[]}',
    fields: { module: { a: 1 }, hostname: null },
  });
  expect(dataOf('{"level":30}')).toEqual({ level: "info", message: "" });
});

test("service wins over name, which then names the logger; a default fills the gap", () => {
  expect(dataOf('{"level":30,"name":"n","service":"s","msg":""}')).toMatchObject({ service: "s", logger: "n" });
  const withDefault = createLineMapper({ minLevel: 0, service: "d", now });
  expect(JSON.parse(withDefault('{"msg":"x"}')?.dataJson ?? "")).toMatchObject({ service: "d" });
});

test.each([
  ["10", "trace"],
  ["20", "debug"],
  ["30", "info"],
  ["35", "info"],
  ["40", "warn"],
  ["50", "error"],
  ["60", "fatal"],
  ["5", "trace"],
  ["99", "fatal"],
  ['"WARN"', "warn"],
  ['"notice"', "notice"],
  ['""', "info"],
  ["null", "info"],
])("level %s is %s", (text, name) => {
  expect(dataOf(`{"level":${text},"msg":"m"}`)).toMatchObject({ level: name });
});

test("the level and label that the logger tells win over the text", () => {
  expect(dataOf('{"severity":"NOTICE","msg":"m"}', { level: 35, label: "notice" })).toEqual({
    level: "notice",
    message: "m",
    fields: { severity: "NOTICE" },
  });
});

test.each([
  ["1767225600", "2026-01-01T00:00:00.000Z"],
  ["1767225600.5", "2026-01-01T00:00:00.500Z"],
  ["1767225600123", "2026-01-01T00:00:00.123Z"],
  ["1767225600123456", "2026-01-01T00:00:00.123Z"],
  ["1767225600123456789", "2026-01-01T00:00:00.123Z"],
  ['"2026-01-01T01:00:00.123456789+01:00"', "2026-01-01T01:00:00.123456789+01:00"],
  ['"yesterday"', "2026-01-01T00:00:00.000Z"],
  ["-1", "2026-01-01T00:00:00.000Z"],
  ["1e300", "2026-01-01T00:00:00.000Z"],
])("time %s becomes %s", (text, iso) => {
  expect(map(`{"level":30,"time":${text},"msg":"m"}`)?.timestamp).toBe(iso);
});

test("lines below minLevel are left out, whether the level comes from the logger or the text", () => {
  const warnings = createLineMapper({ minLevel: 40, now });
  expect(warnings('{"level":30,"msg":"m"}')).toBeUndefined();
  expect(warnings('{"msg":"m"}', { level: 30 })).toBeUndefined();
  expect(warnings('{"level":"info","msg":"m"}')).toBeUndefined();
  expect(warnings('{"level":40,"msg":"m"}')).toBeDefined();
});

test("a line that is no JSON object is sent as text", () => {
  for (const line of [
    "plain text\n",
    '{"level":30,"msg":"cut',
    '{"a":1}{"b":2}',
    '{"a":tru}',
    '{"a":01}',
    '{"a":"\t"}',
    "[1]",
    "",
    '{ "a": 1 }',
  ]) {
    expect(dataOf(line, { level: 50 })).toEqual({ level: "error", message: line.replace(/\n$/, "") });
  }
});

test("lines about the client's own requests are left out, others about similar paths are not", () => {
  expect(map('{"level":30,"req":{"id":1,"method":"POST","url":"/api/ingest"},"msg":"request completed"}')).toBeUndefined();
  expect(map('{"level":30,"req":{"url":"/api/ingest?x=1"},"msg":"m"}')).toBeUndefined();
  expect(map('{"level":30,"path":"/api/ingest","msg":"m"}')).toBeUndefined();
  expect(map('{"level":30,"req":{"url":"/api/ingests"},"msg":"/api/ingest"}')).toBeDefined();
});

const sorted = ["module", "service", "name", "hostname"];

test("whatever stands in a line, the result parses, is valid on the wire and holds the same values", () => {
  const keys = fc.oneof(
    fc.constantFrom("level", "time", "msg", "module", "service", "name", "hostname", "req", "__proto__", 'a"b'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.jsonValue())), (members) => {
      const line = `{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}\n`;
      const data = dataOf(line) as Record<string, unknown> | null;
      if (data === null) return;
      expect(Value.Check(logSchema, data)).toBe(true);
      if (members.length === 0) return;
      const parsed = JSON.parse(line) as Record<string, unknown>;
      // A sorted key may stand twice, once as a string and once not; then the other one is a field.
      for (const [key, value] of Object.entries((data.fields ?? {}) as object))
        if (!sorted.includes(key)) expect(value).toEqual(parsed[key]);
    }),
    { numRuns: 500 },
  );
});

function endOfValue(text: string, at: number): number {
  const scan = startScan(text);
  return scan === undefined ? -1 : endOf(scan, at);
}

test("the scanner accepts all compact JSON and nothing that JSON.parse refuses", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), fc.string({ maxLength: 2 }), (value, at, noise) => {
      const text = JSON.stringify(value);
      // A value inside of a line is always followed by a comma or a bracket.
      expect(endOfValue(`${text},`, 0)).toBe(text.length);
      const cut = at % (text.length + 1);
      const damaged = text.slice(0, cut) + noise + text.slice(cut + noise.length);
      if (endOfValue(`${damaged},`, 0) === damaged.length) expect(() => JSON.parse(damaged)).not.toThrow();
    }),
    { numRuns: 2_000 },
  );
});
