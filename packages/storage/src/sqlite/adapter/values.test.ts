// Every value of every column type comes back as it went in.
import { eq, sql } from "drizzle-orm";
import { customType, integer, sqliteTable } from "drizzle-orm/sqlite-core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { engines } from "../testing/drivers.ts";
import { emptyLibrary, type Library, type LibraryDatabase } from "../testing/library.ts";
import { kinds } from "../testing/library-schema.ts";

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
// SQLite stores a whole REAL as an integer, so -0 becomes 0; JSON has no -0 either.
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const row = fc.record({
  whole: fc.option(fc.maxSafeInteger()),
  isSet: fc.option(fc.boolean()),
  seconds: fc.option(fc.integer({ min: -8_000_000_000, max: 8_000_000_000 }).map((s) => new Date(s * 1000))),
  millis: fc.option(fc.date({ noInvalidDate: true })),
  fraction: fc.option(fc.double({ noNaN: true }).map((value) => value + 0)),
  words: fc.option(fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.constant("a\0b"), fc.constant("🜁 '\";--"))),
  object: fc.option(json),
  bytes: fc.option(bytes),
  blobObject: fc.option(json),
  blobBig: fc.option(fc.bigInt()),
  decimalNumber: fc.option(fc.maxSafeInteger()),
  decimalBig: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
});

describe.each(engines)("values on %s", (engine) => {
  let library: Library;
  let db: LibraryDatabase;
  beforeEach(() => {
    library = emptyLibrary(engine);
    db = library.db;
  });
  afterEach(() => library.files.remove());

  test("random rows survive insert, RETURNING, select, update and a prepared insert", () => {
    const prepared = db
      .insert(kinds)
      .values(
        Object.fromEntries(
          Object.keys(kinds)
            .filter((key) => key !== "enableRLS")
            .map((key) => [key, sql.placeholder(key)]),
        ) as never,
      )
      .prepare();
    fc.assert(
      fc.property(row, row, (one, two) => {
        db.delete(kinds).run();
        const expected = { ...one, id: 1, decimal: null };
        expect(
          db
            .insert(kinds)
            .values({ ...one, id: 1 })
            .returning()
            .get(),
        ).toStrictEqual(expected);
        expect(db.select().from(kinds).get()).toStrictEqual(expected);
        db.update(kinds).set(two).where(eq(kinds.id, 1)).run();
        expect(db.select().from(kinds).get()).toStrictEqual({ ...two, id: 1, decimal: null });
        prepared.run({ ...one, id: 2, decimal: null });
        expect(db.select().from(kinds).where(eq(kinds.id, 2)).get()).toStrictEqual({ ...expected, id: 2 });
      }),
      { numRuns: 150 },
    );
  });

  test("the ends of every range", () => {
    const edges = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -(2 ** 31) - 1];
    for (const whole of edges)
      expect(db.insert(kinds).values({ whole }).returning({ whole: kinds.whole, type: sql`typeof(whole)` }).get()).toEqual({
        whole,
        type: "integer",
      });
    for (const fraction of [0.1, 1e308, 5e-324, Infinity, -Infinity, 2 ** 53 + 2])
      expect(db.insert(kinds).values({ fraction }).returning({ fraction: kinds.fraction }).get()?.fraction).toBe(fraction);
    expect(db.get(sql`select ${2n ** 63n - 1n} as big, ${-(2n ** 63n)} as small`)).toEqual({ big: 2n ** 63n - 1n, small: -(2n ** 63n) });
    expect(
      db.get(
        sql`select typeof(${1}) as i, typeof(${1.5}) as r, typeof(${"1"}) as t, typeof(${null}) as n, typeof(${Buffer.from("x")}) as b, ${true} as yes`,
      ),
    ).toEqual({ i: "integer", r: "real", t: "text", n: "null", b: "blob", yes: 1 });
    const large = Buffer.alloc(1024 * 1024, 7);
    expect(db.insert(kinds).values({ bytes: large }).returning({ bytes: kinds.bytes }).get()?.bytes?.equals(large)).toBe(true);
    expect(
      db
        .insert(kinds)
        .values({ bytes: Buffer.alloc(0) })
        .returning({ bytes: kinds.bytes })
        .get()?.bytes,
    ).toStrictEqual(Buffer.alloc(0));
  });

  test("a slice of a larger buffer is stored as the slice alone", () => {
    const whole = Buffer.from("0123456789");
    expect(
      db
        .insert(kinds)
        .values({ bytes: whole.subarray(2, 5) })
        .returning({ bytes: kinds.bytes })
        .get()
        ?.bytes?.toString(),
    ).toBe("234");
  });

  test("numeric columns: text, number and bigint; and 64-bit integers in plain ones", () => {
    const stored = db
      .insert(kinds)
      .values({
        decimal: "475452353476",
        decimalNumber: Number.MAX_SAFE_INTEGER,
        decimalBig: 5044565289845416380n,
        blobBig: 12345678900987654321n,
      })
      .returning()
      .get()!;
    expect([stored.decimal, stored.decimalNumber, stored.decimalBig, stored.blobBig]).toEqual([
      "475452353476",
      Number.MAX_SAFE_INTEGER,
      5044565289845416380n,
      12345678900987654321n,
    ]);
    expect(db.insert(kinds).values({ decimal: "10.25" }).returning({ decimal: kinds.decimal }).get()).toEqual({ decimal: "10.25" });
  });

  test("custom types encode and decode", () => {
    const points = customType<{ data: { x: number; y: number }; driverData: string }>({
      dataType: () => "text",
      toDriver: ({ x, y }) => `${x};${y}`,
      fromDriver: (value) => ({ x: Number(value.split(";")[0]), y: Number(value.split(";")[1]) }),
    });
    const shapes = sqliteTable("shapes", { id: integer("id").primaryKey(), at: points("at") });
    db.run(sql`create table shapes (id integer primary key, at text)`);
    expect(
      db
        .insert(shapes)
        .values({ at: { x: 1, y: -2 } })
        .returning()
        .get(),
    ).toEqual({ id: 1, at: { x: 1, y: -2 } });
    expect(
      db
        .select()
        .from(shapes)
        .where(eq(shapes.at, { x: 1, y: -2 }))
        .all(),
    ).toHaveLength(1);
  });

  test("what SQLite cannot hold is a typed error, never silent JSON", () => {
    for (const value of [new Date(0), new Map(), { a: 1 }, [1], Symbol("x"), new Uint16Array(1), new DataView(new ArrayBuffer(1))]) {
      expect(() => db.get(sql`select ${sql.param(value)} as v`)).toThrow(expect.objectContaining({ code: "invalid_parameter" }));
    }
    expect(db.select().from(kinds).all()).toEqual([]);
  });

  test("NaN is NULL, a whole number an INTEGER, and an integer beyond 2^53-1 a bigint", () => {
    db.insert(kinds).values({ id: 1, fraction: Number.NaN }).run();
    expect(db.select({ fraction: kinds.fraction }).from(kinds).all()).toEqual([{ fraction: null }]);
    const byName = db
      .select({ n: sql`${sql.placeholder("n")}` })
      .from(kinds)
      .prepare();
    expect(byName.get({ n: Number.NaN })).toEqual({ n: null });
    expect(db.get(sql`select typeof(${5}) as whole, typeof(${1.5}) as part, ${5} / 2 as half`)).toEqual({
      whole: "integer",
      part: "real",
      half: 2,
    });
    db.run(sql`update ${kinds} set whole = 9007199254740993`);
    expect(db.select({ whole: kinds.whole }).from(kinds).get()).toEqual({ whole: 9007199254740993n });
  });

  test("JSON that SQLite made is text, whatever it looks like, also through views and subqueries", () => {
    db.run(
      sql`create view made as select '{"a":5}' -> '$.a' as five, json('[1,2]') as list, json_object('k', 'v') as object, json('null') as empty`,
    );
    const expected = { five: "5", list: "[1,2]", object: '{"k":"v"}', empty: "null" };
    expect(db.get(sql`select * from made`)).toEqual(expected);
    expect(db.all(sql`select * from (select * from made) union all select * from made`)).toEqual([expected, expected]);
    expect(db.get(sql`select '{"a":5}' ->> '$.a' as five, json_extract('{"a":"5"}', '$.a') as text, json_array(1, 'x') as list`)).toEqual({
      five: 5,
      text: "5",
      list: '[1,"x"]',
    });
  });

  test("get answers the first row in order, and none after it", () => {
    db.insert(kinds)
      .values([3, 1, 2].map((whole) => ({ whole })))
      .run();
    expect(db.select({ whole: kinds.whole }).from(kinds).orderBy(kinds.whole).get()).toEqual({ whole: 1 });
    expect(db.get(sql`select whole from kinds union all select 9 order by 1 desc`)).toEqual({ whole: 9 });
    expect(db.get(sql`select whole from kinds order by -whole -- the last`)).toEqual({ whole: 3 });
    expect(db.get(sql`with recursive n(i) as (select 1 union all select i + 1 from n) select i from n`)).toEqual({ i: 1 });
  });

  test("same-named columns of raw queries: all and get keep the last, values keeps both", () => {
    const query = sql`select 1 as n, 2 as n, 3 as __proto__`;
    expect(db.all<{ n: number }>(query)[0]!.n).toBe(2);
    expect(Object.getOwnPropertyDescriptor(db.get(query), "__proto__")?.value).toBe(3);
    expect(db.values(query)).toEqual([[1, 2, 3]]);
    expect(Object.keys(db.get<object>(sql`select 1 as z, 2 as a, 3 as m`))).toEqual(["z", "a", "m"]);
  });
});
