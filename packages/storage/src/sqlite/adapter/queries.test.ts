// The rest of Drizzle's surface: relations, prepared queries, raw SQL, batch, logger, casing, replicas, configuration.
import { desc, eq, gt, type Logger, placeholder, sql } from "drizzle-orm";
import { integer, sqliteTable, text, withReplicas } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { drizzle } from "../drizzle.ts";
import { engines } from "../testing/drivers.ts";
import { filledLibrary, type Library, type LibraryDatabase } from "../testing/library.ts";
import { authors, books, cities, librarySchema } from "../testing/library-schema.ts";

describe.each(engines)("queries on %s", (engine) => {
  let library: Library;
  let db: LibraryDatabase;
  beforeEach(() => {
    library = filledLibrary(engine);
    db = library.db;
  });
  afterEach(() => library.files.remove());

  test("relations: one, many, self references, nested, filtered, limited, with extras", async () => {
    const rows = await db.query.authors.findMany({
      columns: { name: true, isLiving: true },
      with: {
        city: true,
        books: { columns: { name: true }, orderBy: desc(books.id), limit: 1 },
        mentor: { columns: { name: true } },
        pupils: { columns: { id: true } },
      },
      extras: { loud: sql<string>`upper(${authors.name})`.as("loud") },
      orderBy: (fields, { asc }) => asc(fields.id),
    });
    expect(rows).toEqual([
      {
        name: "Ada",
        isLiving: true,
        loud: "ADA",
        city: { id: 1, name: "Prague" },
        books: [{ name: "Second" }],
        mentor: null,
        pupils: [{ id: 2 }, { id: 3 }],
      },
      {
        name: "Bo",
        isLiving: false,
        loud: "BO",
        city: { id: 2, name: "Lima" },
        books: [{ name: "Third" }],
        mentor: { name: "Ada" },
        pupils: [],
      },
      { name: "Cy", isLiving: true, loud: "CY", city: null, books: [], mentor: { name: "Ada" }, pupils: [] },
    ]);
    expect(
      db.query.books.findFirst({ where: eq(books.id, 3), with: { author: { with: { city: true } } } }).sync()?.author?.city?.name,
    ).toBe("Lima");
    expect(await db.query.books.findFirst({ where: eq(books.id, 99) })).toBeUndefined();
    expect(
      db.query.authors
        .findMany({ where: (f, { gt }) => gt(f.id, 1), limit: 1, offset: 1 })
        .sync()
        .map((row) => row.name),
    ).toEqual(["Cy"]);
  });

  test("relations decode JSON, booleans and dates inside nested rows, and have a prepared form", async () => {
    const city = await db.query.cities.findFirst({ with: { authors: true } });
    expect(city!.authors[0]).toMatchObject({ tags: ["poet", "critic"], isLiving: true });
    expect(city!.authors[0]!.createdAt).toBeInstanceOf(Date);
    const prepared = db.query.authors.findFirst({ where: eq(authors.id, placeholder("id")), with: { books: true } }).prepare();
    expect(prepared.execute({ id: 1 }).sync()?.books).toHaveLength(2);
    expect((await prepared.execute({ id: 2 }))?.books).toHaveLength(1);
    expect(prepared.execute({ id: 9 }).sync()).toBeUndefined();
  });

  test("relations without order or limit: whole rows, empty, prepared, in transactions, of everything", async () => {
    const byId = <T extends { id: number }>(rows: T[]): T[] => rows.sort((a, b) => a.id - b.id);
    const query = () => db.query.authors.findMany({ with: { books: true, city: true, pupils: { with: { books: true } } } });
    const expected = byId(query().sync());
    expect(
      expected.map(({ name, books, city, pupils }) => [name, books.length, city?.name, pupils.map((pupil) => pupil.books.length)]),
    ).toEqual([
      ["Ada", 2, "Prague", [1, 0]],
      ["Bo", 1, "Lima", []],
      ["Cy", 0, undefined, []],
    ]);
    expect(expected[0]?.tags).toEqual(["poet", "critic"]);
    expect(byId(await query())).toEqual(expected);
    expect(byId(query().prepare().execute().sync())).toEqual(expected);
    expect(
      byId(
        db.transaction((tx) => tx.query.authors.findMany({ with: { books: true, city: true, pupils: { with: { books: true } } } }).sync()),
      ),
    ).toEqual(expected);
    expect((await db.query.cities.findMany({ with: { authors: true } })).map((city) => city.authors.length)).toEqual([1, 1]);
    expect(await db.query.authors.findMany({ columns: { id: true }, where: eq(authors.id, 3), with: { books: true } })).toEqual([
      { id: 3, books: [] },
    ]);
    db.delete(books).run();
    db.delete(authors).run();
    expect(await db.query.cities.findMany({ with: { authors: true } })).toEqual([
      { id: 1, name: "Prague", authors: [] },
      { id: 2, name: "Lima", authors: [] },
    ]);
  });

  test("prepared queries: reuse, placeholders in values, where, limit and offset, encoders, all ways to run", async () => {
    const insert = db
      .insert(authors)
      .values({ name: placeholder("name"), isLiving: placeholder("isLiving"), tags: placeholder("tags") })
      .prepare();
    expect(insert.run({ name: "Di", isLiving: false, tags: ["x"] }).changes).toBe(1);
    await insert.execute({ name: "Ed", isLiving: true, tags: null });
    const select = db
      .select({ name: authors.name, isLiving: authors.isLiving, tags: authors.tags })
      .from(authors)
      .where(gt(authors.id, placeholder("after")))
      .orderBy(authors.id)
      .limit(placeholder("n"))
      .offset(placeholder("skip"))
      .prepare();
    const given = { after: 2, n: 2, skip: 1 };
    const expected = [
      { name: "Di", isLiving: false, tags: ["x"] },
      { name: "Ed", isLiving: true, tags: null },
    ];
    expect(select.all(given)).toEqual(expected);
    expect(await select.execute(given)).toEqual(expected);
    expect(select.get(given)).toEqual(expected[0]);
    expect(select.values(given)).toEqual([
      ["Di", 0, '["x"]'],
      ["Ed", 1, null],
    ]);
    expect(() => select.all({ after: 1 })).toThrow('No value for placeholder "n" was provided');
    expect(select.getQuery().sql).toContain("select");
    const joined = db
      .select()
      .from(books)
      .leftJoin(authors, eq(authors.id, books.authorId))
      .where(eq(books.id, placeholder("id")))
      .prepare();
    expect([joined.get({ id: 1 })?.authors?.name, joined.get({ id: 4 })?.authors, joined.get({ id: 1 })?.authors?.name]).toEqual([
      "Ada",
      null,
      "Ada",
    ]);
  });

  test("null for a placeholder is null, whatever the column", () => {
    const insert = db
      .insert(authors)
      .values({ name: "n", tags: placeholder("tags"), cityId: placeholder("cityId") })
      .returning()
      .prepare();
    expect(insert.get({ tags: null, cityId: null })).toMatchObject({ tags: null, cityId: null });
    expect(db.get(sql`select count(*) as n from authors where tags is null and name = 'n'`)).toEqual({ n: 1 });
  });

  test("raw SQL: run, all, get, values; from a string and from a builder", async () => {
    expect(await db.run(sql`insert into cities (name) values (${"Oslo"})`)).toEqual({ changes: 1, lastInsertRowid: 3 });
    expect(await db.all(sql`select id, name from ${cities} where ${eq(cities.id, 3)}`)).toEqual([{ id: 3, name: "Oslo" }]);
    expect(await db.get("select count(*) as n from cities")).toEqual({ n: 3 });
    expect(await db.values(sql`select id from cities order by 1`)).toEqual([[1], [2], [3]]);
    expect(await db.get(db.insert(cities).values({ name: "Bern" }).returning({ id: cities.id, name: cities.name }))).toEqual({
      id: 4,
      name: "Bern",
    });
    expect(db.get(sql`select 1 where 0`)).toBeUndefined();
    expect(db.all(sql`pragma table_info(cities)`)).toHaveLength(2);
    expect(
      db.run(sql`-- a comment
      select 1`),
    ).toMatchObject({ changes: expect.any(Number) });
    expect(() => db.run(sql`select * from nowhere`)).toThrow(/Failed to run the query 'select \* from nowhere'/);
    expect(() => db.all(sql`select * from nowhere`)).toThrow(/no such table: nowhere/);
  });

  test("batch: builders in order in one transaction, results in order, all or nothing", async () => {
    const [inserted, updated, many, first, all, none] = await db.batch([
      db.insert(cities).values({ name: "Oslo" }).returning({ id: cities.id }),
      db.update(cities).set({ name: "Roma" }).where(eq(cities.id, 1)),
      db.query.cities.findMany({ columns: { name: true } }),
      db.query.cities.findFirst({ where: eq(cities.id, 3) }),
      db.select({ id: cities.id }).from(cities),
      db.delete(cities).where(eq(cities.id, 99)),
    ]);
    expect(inserted).toEqual([{ id: 3 }]);
    expect([updated.changes, none.changes]).toEqual([1, 0]);
    expect(updated).toEqual({ columns: [], columnTypes: [], rows: [], rowsAffected: 1, lastInsertRowid: 3n });
    expect(many.map((row) => row.name)).toEqual(["Roma", "Lima", "Oslo"]);
    expect(first).toEqual({ id: 3, name: "Oslo" });
    expect(all).toHaveLength(3);
    await expect(
      db.batch([db.insert(cities).values({ name: "gone" }), db.insert(cities).values({ id: 1, name: "twice" })]),
    ).rejects.toThrow(/UNIQUE/);
    expect(await db.$count(cities)).toBe(3);
  });

  test("batch repeats raw reads in their place", async () => {
    const [, , all, values, got] = await db.batch([
      db.insert(cities).values({ id: 3, name: "Oslo" }).returning(),
      db.run(sql`insert into cities (id, name) values (4, 'Bern')`) as never,
      db.all(sql`select name from cities order by id desc`) as never,
      db.values(sql`select count(*) from cities`) as never,
      db.get(sql`select max(id) as id from cities`) as never,
    ]);
    expect(all).toEqual([{ name: "Bern" }, { name: "Oslo" }, { name: "Lima" }, { name: "Prague" }]);
    expect(values).toEqual([[4]]);
    expect(got).toEqual({ id: 4 });
  });

  test("the logger sees SQL and parameters; logger: true writes to the console", () => {
    const seen: [string, unknown[]][] = [];
    const logger: Logger = { logQuery: (query, params) => seen.push([query, params]) };
    const logged = drizzle(library.files.open(engine), { schema: librarySchema, logger });
    logged.select().from(cities).where(eq(cities.id, 2)).all();
    logged.transaction((tx) => tx.insert(cities).values({ name: "L" }).run());
    expect(seen).toEqual([
      ['select "id", "name" from "cities" where "cities"."id" = ?', [2]],
      ['insert into "cities" ("id", "name") values (null, ?)', ["L"]],
    ]);
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    drizzle(library.files.open(engine), { logger: true }).run(sql`select 1`);
    expect(log).toHaveBeenCalledTimes(1);
    log.mockRestore();
  });

  test("casing: snake_case and camelCase in every kind of query, with explicit names kept", async () => {
    const people = sqliteTable("people", { id: integer().primaryKey(), firstName: text().notNull(), AGE: integer("AGE") });
    const snake = drizzle(library.files.open(engine), { schema: { people }, casing: "snake_case" });
    snake.run(sql`create table people (id integer primary key, first_name text not null unique, AGE integer)`);
    expect(snake.insert(people).values({ firstName: "Ann", AGE: 3 }).returning().get()).toEqual({ id: 1, firstName: "Ann", AGE: 3 });
    snake
      .insert(people)
      .values({ firstName: "Ann" })
      .onConflictDoUpdate({ target: people.firstName, set: { AGE: 4 } })
      .run();
    expect(await snake.query.people.findMany()).toEqual([{ id: 1, firstName: "Ann", AGE: 4 }]);
    expect(
      snake.update(people).set({ firstName: "Bea" }).where(eq(people.firstName, "Ann")).returning({ firstName: people.firstName }).get(),
    ).toEqual({ firstName: "Bea" });
    expect(snake.select().from(people).where(eq(people.firstName, "Bea")).toSQL().sql).toContain('"first_name"');
    const camel = drizzle(library.files.open(engine), { casing: "camelCase" });
    expect(
      camel
        .select({ x: sqliteTable("t", { first_name: text() }).first_name })
        .from(sqliteTable("t", { first_name: text() }))
        .toSQL().sql,
    ).toContain('"firstName"');
  });

  test("configuration forms, $client, replicas", () => {
    const driver = library.files.open(engine);
    expect(drizzle({ client: driver, schema: librarySchema }).query.cities.findFirst().sync()?.name).toBe("Prague");
    expect(drizzle(driver).$client.driver).toBe(driver);
    const replica = drizzle(library.files.open(engine), { schema: librarySchema });
    const path = driver.path;
    expect(drizzle({ connection: { source: path, engine } }).get(sql`select count(*) as n from cities`)).toEqual({ n: 2 });
    const both = withReplicas(db, [replica]);
    expect(both.select().from(cities).all()).toHaveLength(2);
    both.insert(cities).values({ name: "R" }).run();
    expect(both.$primary.select().from(cities).all()).toHaveLength(3);
  });
});

test("in memory: by name and by default, private to each; statements may end in a semicolon", () => {
  const first = drizzle(":memory:");
  const second = drizzle();
  first.run(sql`
    create table t (id integer primary key, name text);
  `);
  expect(first.run(sql`insert into t (name) values ('a'); -- done`).changes).toBe(1);
  expect(first.all(sql`select * from t;`)).toEqual([{ id: 1, name: "a" }]);
  expect(() => second.all(sql`select * from t`)).toThrow(/no such table/);
  first.$client.close();
  expect(() => first.all(sql`select 1`)).toThrow(expect.objectContaining({ code: "closed" }));
});

test("mock builds queries and runs none", () => {
  const mock = drizzle.mock({ schema: librarySchema });
  expect(mock.select({ id: cities.id }).from(cities).where(eq(cities.id, 1)).toSQL()).toEqual({
    sql: 'select "id" from "cities" where "cities"."id" = ?',
    params: [1],
  });
  expect(mock.delete(cities).limit(1).returning({ id: cities.id }).toSQL().sql).toContain('"rowid" in (select "rowid"');
  expect(mock.query.cities.findMany({ with: { authors: true } }).toSQL().sql).toContain("json_group_array");
  expect(() => mock.select().from(cities).all()).toThrow(/drizzle\.mock/);
});

test("a raw run that fails keeps Drizzle's words and our code", () => {
  const db = drizzle();
  const error = expect.objectContaining({
    message: expect.stringContaining("Failed to run the query"),
    code: "sql",
    cause: expect.objectContaining({ code: "sql" }),
  });
  expect(() => db.run(sql`insert into nowhere values (1)`)).toThrow(error);
});
