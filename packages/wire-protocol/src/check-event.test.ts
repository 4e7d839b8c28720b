// Events against the vectors, at the limits, and hostile.
import { FormatRegistry, Kind, type TSchema, Type } from "@sinclair/typebox";
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

describe.each([true, false])("schemas of every kind, compiled: %s", (canCompile) => {
  const checked = (schema: TSchema, data: unknown) =>
    createEventChecker<"note">({ schemas: { note: schema }, canCompile })({ type: "note", ts: "2026-04-27T12:34:56Z", data });
  const a = Type.Object({ a: Type.Number() });
  const b = Type.Object({ b: Type.String() });
  const tree = Type.Recursive((This) => Type.Object({ children: Type.Array(This) }));

  test.each<[string, TSchema, object, object | null]>([
    ["a record", Type.Record(Type.String(), Type.Number()), { x: 1, y: 2 }, null],
    ["an intersection", Type.Intersect([a, b]), { a: 1, b: "x", c: true }, { c: true }],
    ["an intersection with a record", Type.Intersect([a, Type.Record(Type.String(), Type.Any())]), { a: 1, c: true }, null],
    ["any", Type.Any(), { x: 1 }, null],
    ["unknown", Type.Unknown(), { x: 1 }, null],
    ["a union", Type.Union([a, b]), { b: "x", c: 1 }, { c: 1 }],
    ["a union with null", Type.Union([a, Type.Null()]), { a: 1, c: 1 }, { c: 1 }],
    ["a union with a record", Type.Union([a, Type.Record(Type.String(), Type.String())]), { c: "x" }, null],
    ["what is not an event of another kind", Type.Not(Type.Object({ a: Type.String() })), { a: 1 }, null],
    ["a tree", tree, { children: [{ children: [] }], c: 1 }, { c: 1 }],
    ["a module of types", Type.Module({ A: Type.Object({ b: Type.Ref("B") }), B: Type.Integer() }).Import("A"), { b: 1, c: 2 }, { c: 2 }],
    ["an unsafe type around one that is known", Type.Unsafe(a), { a: 1, c: 2 }, { c: 2 }],
  ])("%s accepts what follows it, and has as meta what it does not name", (_kind, schema, data, meta) => {
    const event = checked(schema, data);
    expect(event).toMatchObject({ ok: true, meta });
    expect(event.ok && { ...event.data, ...event.meta }).toEqual(data);
  });

  test.each<[TSchema, object, string]>([
    [Type.Record(Type.String(), Type.Number()), { x: 1, y: "2" }, "data.y: expected a number"],
    [
      Type.Record(Type.String({ pattern: "^x" }), Type.Number(), { additionalProperties: false }),
      { y: 1 },
      "data.y: expected no such field",
    ],
    [Type.Record(Type.String(), Type.Number(), { minProperties: 1 }), {}, "data: expected an object"],
    [Type.Intersect([a, b]), { a: 1 }, "data.b: required"],
    [Type.Intersect([a, b], { unevaluatedProperties: false }), { a: 1, b: "x", c: 1 }, "data: expected an object"],
    [tree, { children: [{ children: 1 }] }, "data: expected a valid value"],
    [Type.Module({ A: Type.Object({ b: Type.Integer() }) }).Import("A"), { b: "x" }, "data.b: expected an integer"],
    [Type.Object({ u: Type.String({ format: "uuid" }) }), { u: "x" }, "data.u: expected a string of format uuid"],
  ])("%j refuses %j", (schema, data, reason) => {
    expect(checked(schema, data)).toMatchObject({ ok: false, reason });
  });

  test("inherited fields are none in an intersection either", () => {
    Object.defineProperty(Object.prototype, "b", { value: "mallory", configurable: true });
    try {
      expect(checked(Type.Intersect([a, b]), { a: 1 })).toMatchObject({ reason: "data.b: required" });
    } finally {
      Reflect.deleteProperty(Object.prototype, "b");
    }
  });

  test.each([
    ["date-time", ["2026-04-27T12:34:56Z", "2026-04-27t12:34:56.5+02:00"], ["2026-04-27", "2026-04-27 12:34:56Z", "2026-02-30T00:00:00Z"]],
    ["date", ["2026-04-27", "2024-02-29"], ["2026-02-29", "2026-4-27", "2026-04-27T00:00:00Z", "20260427"]],
    ["time", ["12:34:56Z", "23:59:60Z", "12:34:56.789+01:00"], ["12:34:56", "24:00:00Z", "12:34Z"]],
    ["duration", ["P3Y6M4DT12H30M5S", "PT0.5S", "P4W", "P1D"], ["P", "PT", "1D", "P1DT", "P1S", "P1W2D"]],
    ["email", ["a@b.c", "joe+x@example.com"], ["a", "@b.c", "a@", "a b@c.d", "a@-b.c", `${"a".repeat(300)}@b.c`]],
    ["idn-email", ["用户@例子.广告", "a@b.c"], ["a", "a b@c.d", "a@b c"]],
    ["hostname", ["example.com", "localhost", "a-1.b"], ["-a.b", "a..b", "a_b", "", `${"a".repeat(64)}.b`]],
    ["idn-hostname", ["例子.广告", "example.com"], ["a b", "a..b", ""]],
    ["ipv4", ["127.0.0.1", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5"]],
    ["ipv6", ["::1", "2001:db8::1", "::ffff:1.2.3.4"], ["1.2.3.4", ":::", "12345::", "::1%eth0", "[::1]"]],
    ["uri", ["https://example.com/a?b#c", "urn:isbn:1", "mailto:a@b.c"], ["/a", "a b", "https://ü.de", "http://", "https://a/%zz"]],
    ["url", ["https://example.com"], ["example.com", "https://a b"]],
    ["uri-reference", ["/a?b", "../c", "https://example.com", "#x"], ["a b", "\\a", "/ü"]],
    ["iri", ["https://ü.de/日"], ["/ü", "https://a b"]],
    ["iri-reference", ["/ü", "日"], ["a b", "<x>"]],
    ["uri-template", ["/users/{id}{?q,limit}"], ["/users/{id", "/a b"]],
    ["uuid", ["01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057"], ["01890a5dac96774bbcceb302099a8057", "x"]],
    ["json-pointer", ["", "/a/0/~0~1"], ["a", "/~2"]],
    ["relative-json-pointer", ["0#", "1/a"], ["/a", "01/a"]],
    ["regex", ["^a+$"], ["(", "a**"]],
  ])("format %s", (format, right, wrong) => {
    const schema = Type.Object({ u: Type.String({ format }) });
    expect([...right, ...wrong].filter((u) => checked(schema, { u }).ok)).toEqual(right);
  });
});

test("a format that the app has registered stays, and so does one that it registers later", () => {
  FormatRegistry.Set("uuid", (text) => text === "mine");
  try {
    const check = createEventChecker<"note">({ schemas: { note: Type.Object({ u: Type.String({ format: "uuid" }) }) } });
    const ok = (u: string) => check({ type: "note", ts: "2026-04-27T12:34:56Z", data: { u } }).ok;
    expect([ok("mine"), ok("01890a5d-ac96-774b-bcce-b302099a8057")]).toEqual([true, false]);
    FormatRegistry.Set("uuid", (text) => text === "other");
    expect([ok("mine"), ok("other")]).toEqual([false, true]);
  } finally {
    FormatRegistry.Delete("uuid");
  }
});

describe("a schema that cannot be checked is told when the checker is made", () => {
  const inside = (schema: unknown) => Type.Object({ list: Type.Array(Type.Object({ u: schema as TSchema })) });
  test.each<[unknown, RegExp]>([
    [{ type: "object", properties: { a: { type: "string" } } }, /type note: plain JSON Schema cannot be checked; write it with Type/],
    [inside({ type: "string" }), /type note: list\.items\.u: plain JSON Schema/],
    [Type.Unsafe({ type: "object" }), /Type\.Unsafe around plain JSON Schema/],
    [inside(Type.String({ format: "isbn" })), /list\.items\.u: format "isbn" is not known; register it/],
    [inside(Type.Union([Type.Null(), Type.Date()])), /list\.items\.u\.anyOf\[1\]: JSON has no Date/],
    [inside(Type.String({ pattern: "(" })), /"\(" is no regular expression/],
    [inside(Type.Ref("Other")), /\$id "Other"/],
    [inside({ ...Type.String(), [Kind]: "Mine" }), /kind "Mine" is not known/],
    [Type.String(), /no object follows it/],
    [Type.Union([Type.String(), Type.Array(Type.Any())]), /no object follows it/],
    [Type.Never(), /no object follows it/],
    ["a string", /expected a schema of TypeBox, got string/],
    [null, /got null/],
  ])("%#: %j", (schema, message) => {
    const make = () => createEventChecker({ schemas: { note: schema as TSchema } });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "invalid_schema" }));
  });
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
