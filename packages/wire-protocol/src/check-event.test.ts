// Events against the vectors, at the limits, and hostile.
import { Type } from "@sinclair/typebox";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { readVectors } from "../test/vectors.ts";
import { checkEvent, createEventChecker } from "./check-event.ts";
import { EVENT_TYPES } from "./event.ts";
import { EVENT_SCHEMAS } from "./events/all.ts";
import { LIMITS } from "./limits.ts";

interface ValidCase {
  readonly name: string;
  readonly event: { type: string; ts: string; data: Record<string, unknown>; id?: string };
  readonly meta: Record<string, unknown> | null;
}
const valid = readVectors<{ events: ValidCase[] }>("valid-events").events;
const invalid = readVectors<{ events: { name: string; event: unknown; reason: string; code: string }[] }>("invalid-events").events;

const interpreted = createEventChecker({ canCompile: false });
const log = (data: object) => ({ type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "m", ...data } });
const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

describe.each([
  ["compiled", checkEvent],
  ["interpreted", interpreted],
] as const)("a %s check", (_name, check) => {
  test.each(valid)("accepts $name", ({ event, meta }) => {
    const before = JSON.stringify(event);
    const checked = check(event);
    expect(checked).toMatchObject({ ok: true, type: event.type, id: event.id?.toLowerCase() ?? null, meta });
    if (!checked.ok) return;
    expect({ ...checked.data, ...checked.meta }).toEqual(event.data);
    expect(JSON.stringify(event)).toBe(before);
  });

  test.each(invalid)("refuses $name: $reason", ({ event, reason, code }) => {
    expect(check(event)).toEqual({ ok: false, reason, code });
    expect(check(event)).toEqual({ ok: false, reason, code });
  });
});

test("every type has a schema and a documented example", () => {
  expect(Object.keys(EVENT_SCHEMAS)).toEqual([...EVENT_TYPES]);
  for (const type of EVENT_TYPES) expect(valid.map(({ name }) => name)).toContain(`documented ${type}`);
});

describe("limits", () => {
  test("data of 64 levels is accepted, of 65 refused", () => {
    expect(checkEvent(log({ fields: { a: nested(62) } })).ok).toBe(true);
    expect(checkEvent(log({ fields: { a: nested(63) } }))).toEqual({
      ok: false,
      reason: "data: nested deeper than 64 levels",
      code: "event_too_deep",
    });
  });

  test("nesting that would exhaust the stack is refused like any other", () => {
    for (const levels of [10_000, 1_000_000]) {
      expect(checkEvent(log({ extra: nested(levels) }))).toMatchObject({ ok: false, code: "event_too_deep" });
    }
  });

  test.each(["a", "\u001f", "ü", "日", "😀"])(
    "an event of exactly the limit is accepted, of one byte more refused (filled with %j)",
    (filler) => {
      const bytesOf = (event: unknown) => Buffer.byteLength(JSON.stringify(event));
      const fillerBytes = Buffer.byteLength(JSON.stringify(filler)) - 2;
      const room = LIMITS.eventBytes - bytesOf(log({ text: "" }));
      const text = filler.repeat(Math.floor(room / fillerBytes)) + "a".repeat(room % fillerBytes);
      expect(bytesOf(log({ text }))).toBe(LIMITS.eventBytes);
      expect(checkEvent(log({ text })).ok).toBe(true);
      expect(checkEvent(log({ text: `${text}a` }))).toEqual({
        ok: false,
        reason: "event: larger than 262144 bytes",
        code: "event_too_large",
      });
    },
  );

  test("limits can be lowered and never raised", () => {
    expect(checkEvent(log({ a: "x".repeat(200) }), { maxBytes: 200 })).toMatchObject({ ok: false, code: "event_too_large" });
    expect(checkEvent(log({ a: { b: 1 } }), { maxDepth: 1 })).toMatchObject({ ok: false, code: "event_too_deep" });
    expect(checkEvent(log({ a: nested(100) }), { maxDepth: 1_000 })).toMatchObject({ ok: false, code: "event_too_deep" });
    expect(checkEvent(log({ a: "x".repeat(300_000) }), { maxBytes: 1e9 })).toMatchObject({ ok: false, code: "event_too_large" });
  });

  test("a cyclic value ends, and so does a sparse list of four thousand million", () => {
    const cyclic: Record<string, unknown> = {};
    for (let index = 0; index < 20; index += 1) cyclic[`k${index}`] = cyclic;
    expect(checkEvent(log({ cyclic }))).toMatchObject({ ok: false, code: "event_too_deep" });
    expect(checkEvent(log({ list: new Array(2 ** 32 - 1) }))).toMatchObject({ ok: false, code: "event_too_large" });
  });
});

describe("a reason repeats no more of the sender's keys than shows the place", () => {
  const long = "k".repeat(200_000);
  test.each([
    [
      "a number that overflowed",
      JSON.parse(`{"type":"log","ts":"2026-04-27T12:34:56Z","data":{"level":"info","message":"m","${long}":1e999}}`),
    ],
    [
      "one in an emoji's halves",
      JSON.parse(`{"type":"log","ts":"2026-04-27T12:34:56Z","data":{"level":"info","message":"m","${"😀".repeat(500)}":1e999}}`),
    ],
    ["one deep inside", log({ fields: { [long]: { [`${long.slice(0, 9_000)}`]: [Number.POSITIVE_INFINITY] } } })],
  ])("%s", (_case, event) => {
    const checked = checkEvent(event);
    expect(checked).toMatchObject({ ok: false, code: "invalid", reason: expect.stringMatching(/^data\..*: expected a finite number$/) });
    const { reason } = checked as { reason: string };
    expect(reason.length).toBeLessThan(230);
    expect(reason).toBe(Buffer.from(reason).toString());
  });
});

describe("values that JSON cannot store as they are", () => {
  test("a number that overflowed is refused, with its place", () => {
    expect(
      checkEvent(JSON.parse('{"type":"log","ts":"2026-04-27T12:34:56Z","data":{"level":"info","message":"m","fields":{"a":[1,1e999]}}}')),
    ).toEqual({
      ok: false,
      reason: "data.fields.a[1]: expected a finite number",
      code: "invalid",
    });
  });

  test.each([10n, Symbol("x"), () => 1, new Date(0), new Map(), new (class Own {})()])("a %s is refused", (value) => {
    expect(checkEvent(log({ fields: { value } }))).toEqual({
      ok: false,
      reason: "data.fields.value: expected a JSON value",
      code: "invalid",
    });
  });

  test("half surrogate pairs in values and keys become U+FFFD, and the input stays as it was", () => {
    const event = log({ message: "a\ud83d", fields: { "k\udc00": ["\ud83d\ude00", "\udc00\ud83d"] }, other: "\ud800" });
    const checked = checkEvent(event);
    expect(checked).toMatchObject({
      data: { message: "a\uFFFD", fields: { "k\uFFFD": ["😀", "\uFFFD\uFFFD"] } },
      meta: { other: "\uFFFD" },
    });
    expect(event.data.message).toBe("a\ud83d");
  });

  test("a field that is undefined is absent", () => {
    expect(checkEvent(log({ module: undefined })).ok).toBe(true);
    expect(checkEvent(log({ message: undefined }))).toMatchObject({ reason: "data.message: required" });
  });
});

describe("prototypes", () => {
  afterEach(() => {
    Reflect.deleteProperty(Object.prototype, "actor");
  });

  test("inherited fields do not count", () => {
    const data = Object.create({ actor: "a", action: "b", resource: "c" }) as object;
    expect(checkEvent({ type: "audit", ts: "2026-04-27T12:34:56Z", data })).toMatchObject({ reason: "data.actor: required" });
    const event = Object.create({ type: "audit" }) as object;
    expect(checkEvent(event)).toMatchObject({ reason: "type: required" });
  });

  test("a polluted Object.prototype does not fill in required fields", () => {
    Object.defineProperty(Object.prototype, "actor", { value: "mallory", configurable: true, writable: true });
    expect(checkEvent({ type: "audit", ts: "2026-04-27T12:34:56Z", data: { action: "b", resource: "c" } })).toMatchObject({
      reason: "data.actor: required",
    });
  });

  test("an own __proto__ is data like any other", () => {
    const checked = checkEvent(
      JSON.parse('{"type":"log","ts":"2026-04-27T12:34:56Z","data":{"level":"i","message":"m","__proto__":{"polluted":true}}}'),
    );
    expect(checked.ok).toBe(true);
    if (!checked.ok || checked.meta === null) throw new Error("expected meta");
    expect(Object.keys(checked.meta)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(checked.meta)).toBe(Object.prototype);
    expect((checked.meta as { polluted?: unknown }).polluted).toBeUndefined();
    expect(JSON.stringify(checked.meta)).toBe('{"__proto__":{"polluted":true}}');
  });

  test("objects without a prototype are plain objects", () => {
    const data = Object.assign(Object.create(null) as object, { level: "info", message: "m" });
    expect(checkEvent({ type: "log", ts: "2026-04-27T12:34:56Z", data }).ok).toBe(true);
  });
});

test("a checker can be made for other types", () => {
  const check = createEventChecker<"note">({ schemas: { note: Type.Object({ text: Type.String() }, { additionalProperties: false }) } });
  expect(check({ type: "note", ts: "2026-04-27T12:34:56Z", data: { text: "x" } })).toMatchObject({ ok: true, type: "note" });
  expect(check({ type: "note", ts: "2026-04-27T12:34:56Z", data: { text: "x", y: 1 } })).toMatchObject({
    reason: "data.y: expected no such field",
  });
  expect(check({ type: "audit", ts: "2026-04-27T12:34:56Z", data: {} })).toMatchObject({ code: "unknown_type" });
});

describe("whatever comes", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  const type = fc.oneof(fc.constantFrom(...EVENT_TYPES), fc.string(), anything);
  const data = fc.oneof(
    anything,
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("actor", "message", "path", "__proto__", "constructor")), anything),
  );
  const event = fc.oneof(anything, fc.record({ type, ts: fc.oneof(fc.constant("2026-04-27T12:34:56Z"), anything), data }));

  test("the check returns, says the same twice, compiled or not, and leaves Object.prototype alone", () => {
    const names = Object.getOwnPropertyNames(Object.prototype).length;
    fc.assert(
      fc.property(event, (value) => {
        const first = checkEvent(value);
        expect(checkEvent(value)).toEqual(first);
        expect(interpreted(value)).toEqual(first);
        if (!first.ok) expect(first.reason).toMatch(/^[^:]+.*: (required|unknown|expected .+|nested .+|larger .+)$/s);
      }),
      { numRuns: 5_000 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).length).toBe(names);
  });

  test("getters that throw and proxies that refuse are refused", () => {
    const hostile = {
      get type(): string {
        throw new Error("no");
      },
    };
    const proxy = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error("no");
        },
        ownKeys: () => {
          throw new Error("no");
        },
      },
    );
    expect(checkEvent(hostile)).toMatchObject({ ok: false });
    expect(checkEvent(log({ fields: proxy }))).toMatchObject({ ok: false });
    expect(checkEvent(Proxy.revocable({}, {}).proxy)).toMatchObject({ ok: false });
  });

  test("a documented example with one field replaced is accepted exactly when its schema says so", () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const documented = valid.filter(({ name }) => name.startsWith("documented "));
    fc.assert(
      fc.property(fc.constantFrom(...documented), fc.nat(), json, ({ event: base }, position, replacement) => {
        const keys = Object.keys(base.data);
        const key = keys[position % keys.length] as string;
        const mutant = { ...base, data: { ...base.data, [key]: replacement } };
        const checked = checkEvent(mutant);
        expect(checked).toEqual(interpreted(mutant));
        if (!checked.ok) expect(checked.reason.startsWith(`data.${key}`)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});
