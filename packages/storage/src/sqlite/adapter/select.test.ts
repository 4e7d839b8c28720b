// Reading through Drizzle: selections, joins, subqueries, set operations, views, aggregates.
import {
  and,
  asc,
  avg,
  avgDistinct,
  count,
  countDistinct,
  desc,
  eq,
  exists,
  getTableColumns,
  gt,
  inArray,
  max,
  min,
  notInArray,
  type SQL,
  sql,
  sum,
  sumDistinct,
} from "drizzle-orm";
import {
  alias,
  except,
  integer,
  intersect,
  type SQLiteSelect,
  sqliteTable,
  sqliteTableCreator,
  sqliteView,
  text,
  union,
  unionAll,
} from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { engines } from "../testing/drivers.ts";
import { filledLibrary, type Library, type LibraryDatabase } from "../testing/library.ts";
import { authors, books, cities } from "../testing/library-schema.ts";

describe.each(engines)("select on %s", (engine) => {
  let library: Library;
  let db: LibraryDatabase;
  beforeEach(() => {
    library = filledLibrary(engine);
    db = library.db;
  });
  afterEach(() => library.files.remove());

  test("all columns come decoded, in every way of asking", async () => {
    const rows = db.select().from(authors).orderBy(authors.id).all();
    expect(rows[0]).toEqual({
      id: 1,
      name: "Ada",
      isLiving: true,
      tags: ["poet", "critic"],
      cityId: 1,
      mentorId: null,
      createdAt: rows[0]!.createdAt,
    });
    expect(rows[0]!.createdAt).toBeInstanceOf(Date);
    expect(Math.abs(rows[0]!.createdAt.getTime() - Date.now())).toBeLessThan(10_000);
    expect(await db.select().from(authors).orderBy(authors.id)).toStrictEqual(rows);
    expect(await db.select().from(authors).orderBy(authors.id).execute()).toStrictEqual(rows);
    expect(db.select().from(authors).orderBy(authors.id).get()).toStrictEqual(rows[0]);
    expect(db.select({ id: authors.id, isLiving: authors.isLiving }).from(authors).orderBy(authors.id).values()).toEqual([
      [1, 1],
      [2, 0],
      [3, 1],
    ]);
    expect(db.select().from(authors).where(eq(authors.id, 99)).get()).toBeUndefined();
  });

  test("partial, computed and distinct selections", () => {
    expect(
      db
        .select({ name: sql<string>`upper(${authors.name})` })
        .from(authors)
        .where(eq(authors.id, 2))
        .all(),
    ).toEqual([{ name: "BO" }]);
    expect(db.selectDistinct({ authorId: books.authorId }).from(books).orderBy(books.authorId).all()).toEqual([
      { authorId: null },
      { authorId: 1 },
      { authorId: 2 },
    ]);
    expect(
      db
        .select({ n: sql<number>`count(*)`.mapWith(String) })
        .from(books)
        .all(),
    ).toEqual([{ n: "4" }]);
    expect(
      db
        .select({ nested: { name: authors.name } })
        .from(authors)
        .limit(1)
        .all(),
    ).toEqual([{ nested: { name: "Ada" } }]);
  });

  test("inArray and notInArray also with empty lists; limits of 0 and -1; offset", () => {
    const names = (where?: SQL) =>
      db
        .select({ name: authors.name })
        .from(authors)
        .where(where)
        .all()
        .map((row) => row.name);
    expect(names(inArray(authors.id, []))).toEqual([]);
    expect(names(notInArray(authors.id, []))).toHaveLength(3);
    expect(names(inArray(authors.id, [1, 3]))).toEqual(["Ada", "Cy"]);
    expect(db.select().from(authors).limit(0).all()).toEqual([]);
    expect(db.select().from(authors).limit(-1).all()).toHaveLength(3);
    expect(db.select({ id: authors.id }).from(authors).orderBy(desc(authors.id)).limit(1).offset(1).all()).toEqual([{ id: 2 }]);
  });

  test("joins keep same-named columns apart and answer null for a table without a row", () => {
    const joined = db.select().from(books).leftJoin(authors, eq(books.authorId, authors.id)).orderBy(books.id).all();
    expect(joined.map((row) => [row.books.name, row.authors?.name ?? null])).toEqual([
      ["First", "Ada"],
      ["Second", "Ada"],
      ["Third", "Bo"],
      ["Anonymous", null],
    ]);
    expect(joined[3]!.authors).toBeNull();
    expect(joined[0]!.books.id).toBe(1);
    expect(joined[2]!.authors!.id).toBe(2);
    expect(db.select().from(authors).innerJoin(cities, eq(authors.cityId, cities.id)).all()).toHaveLength(2);
    expect(
      db
        .select({ a: authors.name, c: cities.name })
        .from(authors)
        .rightJoin(cities, and(eq(authors.cityId, cities.id), eq(authors.id, 1)))
        .orderBy(cities.id)
        .all(),
    ).toEqual([
      { a: "Ada", c: "Prague" },
      { a: null, c: "Lima" },
    ]);
    expect(db.select().from(authors).fullJoin(cities, eq(authors.cityId, cities.id)).all()).toHaveLength(3);
    expect(db.select({ a: authors.id, c: cities.id }).from(authors).crossJoin(cities).orderBy(authors.id, cities.id).all()).toHaveLength(6);
  });

  test("partial joins: the joined object is null, its fields are not", () => {
    const rows = db
      .select({ book: books.name, author: { id: authors.id, name: authors.name }, upper: sql<string | null>`upper(${authors.name})` })
      .from(books)
      .leftJoin(authors, eq(books.authorId, authors.id))
      .orderBy(desc(books.id))
      .limit(2)
      .all();
    expect(rows).toEqual([
      { book: "Anonymous", author: null, upper: null },
      { book: "Third", author: { id: 2, name: "Bo" }, upper: "BO" },
    ]);
  });

  test("self joins with aliases, also from an alias and with prefixed table names", () => {
    const mentor = alias(authors, "mentor");
    const pupil = alias(authors, "pupil");
    expect(
      db
        .select({ pupil: { id: pupil.id, name: pupil.name }, mentor: { id: mentor.id, name: mentor.name } })
        .from(pupil)
        .innerJoin(mentor, eq(pupil.mentorId, mentor.id))
        .orderBy(pupil.id)
        .all(),
    ).toEqual([
      { pupil: { id: 2, name: "Bo" }, mentor: { id: 1, name: "Ada" } },
      { pupil: { id: 3, name: "Cy" }, mentor: { id: 1, name: "Ada" } },
    ]);
    const whole = db.select().from(authors).leftJoin(mentor, eq(mentor.id, authors.mentorId)).where(eq(authors.id, 3)).all();
    expect([whole[0]!.authors.name, whole[0]!.mentor?.name]).toEqual(["Cy", "Ada"]);
    const prefixed = sqliteTableCreator((name) => `app_${name}`)("things", {
      id: integer("id").primaryKey(),
      name: text("name").notNull(),
    });
    db.run(sql`create table ${prefixed} (id integer primary key, name text not null)`);
    db.insert(prefixed).values({ id: 7, name: "x" }).run();
    const other = alias(prefixed, "other");
    expect(db.select().from(prefixed).leftJoin(other, eq(other.id, 7)).all()).toEqual([
      { things: { id: 7, name: "x" }, other: { id: 7, name: "x" } },
    ]);
  });

  test("subqueries: in from, joined, joined with a join inside, in where and as a field", () => {
    const totals = db
      .select({ authorId: books.authorId, total: sql<number>`sum(${books.price})`.as("total") })
      .from(books)
      .groupBy(books.authorId)
      .as("totals");
    expect(
      db
        .select({ name: authors.name, total: totals.total })
        .from(authors)
        .leftJoin(totals, eq(totals.authorId, authors.id))
        .orderBy(authors.id)
        .all(),
    ).toEqual([
      { name: "Ada", total: 30 },
      { name: "Bo", total: 30 },
      { name: "Cy", total: null },
    ]);
    const sq = db.select().from(authors).leftJoin(cities, eq(authors.cityId, cities.id)).as("people");
    const rows = db.select().from(books).leftJoin(sq, eq(sq.authors.id, books.authorId)).orderBy(books.id).all();
    expect(rows[0]!.people!.authors.tags).toEqual(["poet", "critic"]);
    expect(rows[2]!.people!.authors.isLiving).toBe(false);
    expect(rows[3]!.people!.authors.id).toBeNull();
    expect(
      db
        .select({ name: authors.name })
        .from(authors)
        .where(exists(db.select({ one: sql`1` }).from(books).where(eq(books.authorId, authors.id))))
        .all(),
    ).toEqual([{ name: "Ada" }, { name: "Bo" }]);
    expect(
      db
        .select({ n: db.$count(books, eq(books.authorId, authors.id)) })
        .from(authors)
        .orderBy(authors.id)
        .all(),
    ).toEqual([{ n: 2 }, { n: 1 }, { n: 0 }]);
    const flagged = db.select({ isLiving: authors.isLiving }).from(authors).where(eq(authors.id, 2));
    expect(
      db
        .select({ flag: flagged.as("flag") })
        .from(cities)
        .limit(1)
        .all(),
    ).toEqual([{ flag: false }]);
  });

  test("raw tables with joins and aliased fields", () => {
    const rows = db
      .select({ id: sql<number>`u.id`.as("uid"), name: sql<string>`u.name`, city: sql<string>`c.name`.as("cname") })
      .from(sql`(select 1 as id, 'Ann' as name) as u`)
      .leftJoin(sql`(select 1 as id, 'Rome' as name) as c`, (fields) => eq(sql`c.id`, fields.id))
      .all();
    expect(rows).toEqual([{ id: 1, name: "Ann", city: "Rome" }]);
  });

  test("group by, having, order by with fields and expressions", () => {
    const rows = db
      .select({ name: sql<string>`upper(${authors.name})`.as("upper_name"), n: sql<number>`count(${books.id})`.as("n") })
      .from(authors)
      .leftJoin(books, eq(books.authorId, authors.id))
      .where(({ name }) => sql`length(${name}) >= 2`)
      .groupBy(authors.id, sql`${authors.name}`)
      .having(({ n }) => gt(n, 0))
      .orderBy(({ n }) => desc(n));
    expect(rows.all()).toEqual([
      { name: "ADA", n: 2 },
      { name: "BO", n: 1 },
    ]);
    expect(
      db
        .select({ t: sql`x`.as("t") })
        .from(cities)
        .orderBy((f) => f.t)
        .toSQL().sql,
    ).toBe('select x as "t" from "cities" order by "t"');
  });

  test("aggregate functions have Drizzle's types", () => {
    const row = db
      .select({
        n: count(),
        some: count(books.authorId),
        each: countDistinct(books.authorId),
        avg: avg(books.price),
        avgD: avgDistinct(books.price),
        sum: sum(books.price),
        sumD: sumDistinct(books.price),
        max: max(books.name),
        min: min(books.price),
      })
      .from(books)
      .get();
    expect(row).toEqual({ n: 4, some: 3, each: 2, avg: "16.25", avgD: "16.25", sum: "65", sumD: "65", max: "Third", min: 5 });
    expect(
      db
        .select({ v: sum(books.price) })
        .from(books)
        .where(eq(books.id, 99))
        .get(),
    ).toEqual({ v: null });
  });

  test("set operations as methods, as functions, mixed, and inside a subquery", () => {
    const names = (rows: { name: string }[]) => rows.map((row) => row.name);
    const people = () => db.select({ id: authors.id, name: authors.name }).from(authors);
    const towns = () => db.select({ id: cities.id, name: cities.name }).from(cities);
    expect(names(people().union(towns()).orderBy(asc(sql`name`)).limit(3).offset(1).all())).toEqual(["Bo", "Cy", "Lima"]);
    expect(unionAll(people(), people(), towns()).all()).toHaveLength(8);
    expect(names(union(people(), people()).orderBy(asc(sql`name`)).all())).toEqual(["Ada", "Bo", "Cy"]);
    expect(names(intersect(people(), people().where(gt(authors.id, 1))).all())).toEqual(["Bo", "Cy"]);
    expect(names(except(people(), people().where(eq(authors.id, 2))).all())).toEqual(["Ada", "Cy"]);
    expect(
      names(
        people()
          .except(({ unionAll }) => unionAll(people().where(eq(authors.id, 1)), people().where(eq(authors.id, 2))))
          .all(),
      ),
    ).toContain("Cy");
    const sq = union(people(), towns()).as("sq");
    expect(db.select().from(sq).orderBy(sq.name).limit(1).all()).toEqual([{ id: 1, name: "Ada" }]);
    expect(() => people().union(db.select({ name: cities.name, id: cities.id }).from(cities) as never)).toThrow();
  });

  test("views: from a builder, from SQL, existing, and joined as a subquery", () => {
    const living = sqliteView("living").as((qb) => qb.select().from(authors).where(eq(authors.isLiving, true)));
    const named = sqliteView("living", { id: integer("id"), name: text("name").notNull() }).existing();
    db.run(sql`create view living as select * from ${authors} where is_living = 1`);
    expect(
      db
        .select()
        .from(living)
        .orderBy(living.id)
        .all()
        .map((row) => [row.name, row.isLiving]),
    ).toEqual([
      ["Ada", true],
      ["Cy", true],
    ]);
    expect(db.select({ name: named.name }).from(named).all()).toEqual([{ name: "Ada" }, { name: "Cy" }]);
    const sq = db.select().from(living).as("sq");
    expect(
      db
        .select({ id: authors.id, sq: { id: sq.id } })
        .from(authors)
        .leftJoin(sq, eq(sq.id, authors.id))
        .orderBy(authors.id)
        .all(),
    ).toEqual([
      { id: 1, sq: { id: 1 } },
      { id: 2, sq: null },
      { id: 3, sq: { id: 3 } },
    ]);
  });

  test("dynamic building, and queries that Drizzle refuses", () => {
    const page = <T extends SQLiteSelect>(query: T, size: number) => query.limit(size).offset(1);
    expect(page(db.select().from(authors).orderBy(authors.id).$dynamic(), 1).all()).toHaveLength(1);
    expect(() => db.select({ name: cities.name }).from(authors).prepare()).toThrow(/not part of the query/);
    const { createdAt, ...rest } = getTableColumns(authors);
    expect(createdAt.name).toBe("created_at");
    expect(Object.keys(db.select(rest).from(authors).get()!)).toEqual(["id", "name", "isLiving", "tags", "cityId", "mentorId"]);
    expect(db.select({ id: authors.id }).from(authors).groupBy(authors.id).toSQL()).toEqual({
      sql: 'select "id" from "authors" group by "authors"."id"',
      params: [],
    });
  });

  test("$count alone, filtered, and again after a change", async () => {
    const counted = db.$count(books);
    expect(await counted).toBe(4);
    db.insert(books).values({ name: "New" }).run();
    expect(await counted).toBe(5);
    expect(await db.$count(books, gt(books.price, 10))).toBe(2);
    expect(await db.$count(sqliteTable("books", { id: integer("id") }))).toBe(5);
  });
});
