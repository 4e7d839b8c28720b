// Schemas from tables: what they accept, what they refuse, and that JSON and back loses nothing.
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import { sql } from "drizzle-orm";
import { blob, integer, numeric, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { drizzle } from "../drizzle.ts";
import { systemSchema, tenantSchema } from "../schema.ts";
import { accounts } from "../tables/index.ts";
import { engines, testFiles } from "../testing/drivers.ts";
import { createRowCodec } from "./codec.ts";
import { json } from "./json.ts";
import {
  createInsertSchema,
  createInsertWireSchema,
  createSelectSchema,
  createSelectWireSchema,
  createUpdateSchema,
  createUpdateWireSchema,
} from "./schema.ts";

const Limits = Type.Object({ perSecond: Type.Integer({ minimum: 1 }) }, { additionalProperties: false });
const things = sqliteTable("things", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  name: text("name", { length: 5 }).notNull(),
  kind: text("kind", { enum: ["a", "b"] })
    .notNull()
    .default("a"),
  isOn: integer("is_on", { mode: "boolean" }).notNull(),
  at: integer("at", { mode: "timestamp_ms" }).notNull(),
  ratio: real("ratio"),
  decimal: numeric("decimal"),
  big: numeric("big", { mode: "bigint" }),
  huge: blob("huge", { mode: "bigint" }),
  bytes: blob("bytes", { mode: "buffer" }),
  any: text("any", { mode: "json" }),
  limits: json("limits", Limits),
  touched: integer("touched")
    .notNull()
    .$onUpdate(() => 1),
  length: integer("length").generatedAlwaysAs(sql`length(name)`),
});

const select = createSelectSchema(things);
const insert = createInsertSchema(things);
const update = createUpdateSchema(things);
const row = {
  id: 1,
  name: "abc",
  kind: "a" as const,
  isOn: true,
  at: new Date(5),
  ratio: 1.5e14,
  decimal: "1.50",
  big: 2n ** 63n - 1n,
  huge: 10n ** 30n,
  bytes: Buffer.from([0, 255]),
  any: { deep: [1, null, "x"] },
  limits: { perSecond: 2 },
  touched: 1,
  length: 3,
};
const check = (schema: unknown, value: unknown) => Value.Check(schema as TSchema, value);
const without = (key: string) => Object.fromEntries(Object.entries(row).filter(([name]) => name !== key));

describe("runtime schemas", () => {
  test("a read row matches, nulls where columns may be null, and nothing else", () => {
    expect(check(select, row)).toBe(true);
    const nulls = { ratio: null, decimal: null, big: null, huge: null, bytes: null, any: null, limits: null, length: null };
    expect(check(select, { ...row, ...nulls })).toBe(true);
    for (const key of ["id", "name", "kind", "isOn", "at", "touched"]) expect(check(select, { ...row, [key]: null }), key).toBe(false);
    for (const key of Object.keys(row)) expect(check(select, without(key)), key).toBe(false);
    expect(check(select, { ...row, extra: 1 })).toBe(false);
  });

  test("each column refuses what it cannot hold", () => {
    const wrong: Record<string, unknown[]> = {
      id: [1.5, "1", 2 ** 53, 1n],
      name: ["abcdef", 1],
      kind: ["c", ""],
      isOn: [1, "true"],
      at: [5, "1970-01-01T00:00:00Z", new Date(Number.NaN)],
      ratio: [Number.NaN, Infinity, "1"],
      decimal: ["x", 1, "1.2.3"],
      big: [1, "1"],
      huge: [1],
      bytes: ["AA", [1]],
      any: [new Date(), undefined, Number.NaN, () => 1, 1n],
      limits: [{ perSecond: 0 }, {}, { perSecond: 1, x: 1 }],
    };
    for (const [key, values] of Object.entries(wrong))
      for (const value of values) {
        if (key === "any" && value === undefined) continue;
        expect(check(select, { ...row, [key]: value }), `${key}: ${String(value)}`).toBe(false);
      }
    expect(check(select, { ...row, bytes: new Uint8Array(2) })).toBe(true);
  });

  test("an insert leaves out what has a default, may be null or is computed; an update has no key", () => {
    expect(check(insert, { name: "x", isOn: false, at: new Date() })).toBe(true);
    expect(check(insert, { name: "x", isOn: false })).toBe(false);
    expect(check(insert, { name: "x", isOn: false, at: new Date(), length: 1 })).toBe(false);
    expect(check(update, {})).toBe(true);
    expect(check(update, { kind: "b", ratio: null })).toBe(true);
    expect(check(update, { id: 1 })).toBe(false);
    expect(check(update, { name: null })).toBe(false);
    const pairs = sqliteTable("pairs", { a: text("a"), b: text("b"), c: text("c") }, (t) => [primaryKey({ columns: [t.a, t.b] })]);
    expect(Object.keys(createUpdateSchema(pairs).properties)).toEqual(["c"]);
  });

  test("ids, refinements and static types", () => {
    expect([select.$id, insert.$id, update.$id, createSelectWireSchema(things).$id]).toEqual([
      "things/select",
      "things/insert",
      "things/update",
      "things/select/wire",
    ]);
    const refinedSchema = createInsertSchema(things, { name: (own) => ({ ...own, minLength: 2 }), any: Type.Object({ x: Type.Number() }) });
    const base = { isOn: true, at: new Date() };
    expect([
      check(refinedSchema, { ...base, name: "ab", any: { x: 1 } }),
      check(refinedSchema, { ...base, name: "a" }),
      check(refinedSchema, { ...base, name: "ab", any: {} }),
    ]).toEqual([true, false, false]);
    expectTypeOf<Static<typeof select>>().toEqualTypeOf<typeof things.$inferSelect>();
    expectTypeOf<Static<typeof insert>>().toEqualTypeOf<typeof things.$inferInsert>();
    expectTypeOf<Static<typeof update>["kind"]>().toEqualTypeOf<"a" | "b" | undefined>();
  });

  test("every schema of our tables compiles, and compiled agrees with interpreted", () => {
    for (const table of [
      things,
      ...Object.values({ ...systemSchema, ...tenantSchema }).filter((value) => "getSQL" in value),
    ] as (typeof things)[]) {
      for (const make of [
        createSelectSchema,
        createInsertSchema,
        createUpdateSchema,
        createSelectWireSchema,
        createInsertWireSchema,
        createUpdateWireSchema,
      ]) {
        const schema = make(table) as unknown as TSchema;
        expect(() => JSON.stringify(schema)).not.toThrow();
        const compiled = TypeCompiler.Compile(schema);
        for (const value of [row, {}, null]) expect(compiled.Check(value)).toBe(Value.Check(schema, value));
      }
    }
  });
});

describe("wire schemas", () => {
  test("are plain JSON Schema without references or kinds that only TypeBox knows", () => {
    const types = new Set<unknown>();
    JSON.stringify(createSelectWireSchema(things), (key, value) => {
      if (key === "type") types.add(value);
      return value;
    });
    expect([...types].sort()).toEqual(["boolean", "integer", "null", "number", "object", "string"]);
    expect(JSON.stringify(createSelectWireSchema(things))).not.toMatch(/\$ref|"Date"|"bigint"|"Uint8Array"/);
  });

  test("decoding refuses strangers, wrong forms and dates that do not exist, and names the place", () => {
    const codec = createRowCodec(things);
    const wire = JSON.parse(JSON.stringify(codec.encode(row)));
    const bad: [string, unknown][] = [
      ["/at", "2026-02-30T00:00:00Z"],
      ["/at", "2025-02-29T00:00:00Z"],
      ["/at", "yesterday"],
      ["/at", 5],
      ["/big", "1.5"],
      ["/bytes", "a"],
      ["/bytes", "+/=="],
      ["/kind", "c"],
      ["/extra", 1],
    ];
    for (const [path, value] of bad) {
      const error = expect.objectContaining({ code: "validation", details: expect.objectContaining({ path }) });
      expect(() => codec.decodeSelect({ ...wire, [path.slice(1)]: value }), path).toThrow(error);
    }
    expect(codec.decodeSelect({ ...wire, at: "2024-02-29T23:59:59.5+01:30" }).at).toEqual(new Date("2024-02-29T22:29:59.500Z"));
    expect(codec.decodeInsert({ name: "x", isOn: true, at: "2026-01-01T00:00:00Z" })).toEqual({
      name: "x",
      isOn: true,
      at: new Date("2026-01-01T00:00:00Z"),
    });
    expect(codec.decodeUpdate({ bytes: null, big: "-5" })).toEqual({ bytes: null, big: -5n });
    expect(() => codec.decodeUpdate({ id: 1 })).toThrow(expect.objectContaining({ code: "validation" }));
  });

  test("random rows survive encode, JSON, decode", () => {
    const codec = createRowCodec(things);
    const jsonValue = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    const rows = fc.record(
      {
        id: fc.maxSafeInteger(),
        name: fc.string({ maxLength: 5 }),
        kind: fc.constantFrom("a" as const, "b" as const),
        isOn: fc.boolean(),
        at: fc.date({ noInvalidDate: true }),
        ratio: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0)),
        decimal: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
        big: fc.option(fc.bigInt()),
        huge: fc.option(fc.bigInt()),
        bytes: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
        any: jsonValue,
        limits: fc.option(fc.record({ perSecond: fc.integer({ min: 1 }) }, { noNullPrototype: true })),
        touched: fc.integer(),
        length: fc.option(fc.integer()),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(rows, (value) => {
        expect(check(select, value)).toBe(true);
        const wire = JSON.parse(JSON.stringify(codec.encode(value as typeof row)));
        expect(check(createSelectWireSchema(things), wire)).toBe(true);
        expect(codec.decodeSelect(wire)).toEqual(value);
      }),
      { numRuns: 200 },
    );
  });

  test("the account schema in JSON is what an API shows", () => {
    const wire = createRowCodec(accounts).encode({
      id: "a",
      email: "a@example.com",
      createdAt: new Date(0),
      metadata: { "_app.theme": "dark" },
    });
    expect(wire).toEqual({ id: "a", email: "a@example.com", createdAt: "1970-01-01T00:00:00.000Z", metadata: { "_app.theme": "dark" } });
  });
});

describe.each(engines)("json(schema) columns on %s", (engine) => {
  test("are checked before they are written and typed when they are read", () => {
    const files = testFiles();
    const db = drizzle(files.open(engine));
    db.run(
      sql`create table things (id integer primary key autoincrement, name text not null, kind text, is_on integer, at integer, ratio real, decimal numeric, big numeric, huge blob, bytes blob, "any" text, limits text, touched integer, length integer generated always as (length(name)))`,
    );
    const base = { name: "abc", isOn: true, at: new Date(7) };
    expect(
      db
        .insert(things)
        .values({ ...base, limits: { perSecond: 3 } })
        .returning()
        .get(),
    ).toMatchObject({ limits: { perSecond: 3 }, length: 3, at: new Date(7) });
    const error = expect.objectContaining({
      code: "validation",
      message: expect.stringContaining("/perSecond"),
      details: expect.objectContaining({ path: "/perSecond" }),
    });
    expect(() =>
      db
        .insert(things)
        .values({ ...base, limits: { perSecond: 0 } })
        .run(),
    ).toThrow(error);
    expect(() =>
      db
        .update(things)
        .set({ limits: { perSecond: -1 } })
        .run(),
    ).toThrow(error);
    expect(
      db
        .insert(things)
        .values({ ...base, limits: null })
        .returning({ limits: things.limits })
        .get(),
    ).toEqual({ limits: null });
    files.remove();
  });
});
