// Writing through Drizzle: inserts, updates, deletes, RETURNING, conflicts, common table expressions, defaults.
import { asc, desc, eq, gt, inArray, lt, sql } from "drizzle-orm";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { engines } from "../testing/drivers.ts";
import { filledLibrary, type Library, type LibraryDatabase } from "../testing/library.ts";
import { authors, books, cities, loans } from "../testing/library-schema.ts";

describe.each(engines)("writes on %s", (engine) => {
  let library: Library;
  let db: LibraryDatabase;
  beforeEach(() => {
    library = filledLibrary(engine);
    db = library.db;
  });
  afterEach(() => library.files.remove());

  test("run answers changes and lastInsertRowid, readable as rowsAffected too", async () => {
    const result = db.insert(books).values({ name: "Fifth" }).run();
    expect(result).toEqual({ changes: 1, lastInsertRowid: 5 });
    expect(result.rowsAffected).toBe(1);
    expect(await db.insert(books).values([{ name: "Sixth" }, { name: "Seventh" }])).toEqual({ changes: 2, lastInsertRowid: 7 });
    expect(
      db
        .update(books)
        .set({ price: 1 })
        .where(inArray(books.id, [5, 6, 7]))
        .run().changes,
    ).toBe(3);
    expect(db.delete(books).where(eq(books.id, 99)).run().changes).toBe(0);
    expect(db.run(sql`delete from books where id > 4`).changes).toBe(3);
  });

  test("RETURNING: everything, parts, computed values, the same column twice, through all, get, values and await", async () => {
    const inserted = await db.insert(books).values({ name: "A", authorId: 1, price: 3 }).returning();
    expect(inserted).toStrictEqual([{ id: 5, name: "A", authorId: 1, price: 3 }]);
    expect(
      db
        .insert(authors)
        .values({ name: "Di", isLiving: false })
        .returning({ id: authors.id, isLiving: authors.isLiving, loud: sql<string>`upper(${authors.name})` })
        .get(),
    ).toEqual({ id: 4, isLiving: false, loud: "DI" });
    expect(
      db
        .update(books)
        .set({ price: sql`${books.price} + 1` })
        .where(eq(books.id, 5))
        .returning({ a: books.price, b: books.price, c: sql`${books.price} * 2` })
        .all(),
    ).toEqual([{ a: 4, b: 4, c: 8 }]);
    expect(db.delete(books).where(gt(books.price, 15)).returning({ id: books.id }).values()).toEqual([[2], [3]]);
    expect(db.delete(books).where(eq(books.id, 99)).returning().get()).toBeUndefined();
    expect(await db.$count(books)).toBe(3);
  });

  test("get of INSERT … RETURNING writes every row", async () => {
    expect(
      db
        .insert(books)
        .values([{ name: "x" }, { name: "y" }, { name: "z" }])
        .returning({ id: books.id })
        .get(),
    ).toEqual({ id: 5 });
    expect(await db.$count(books)).toBe(7);
    expect(db.get(sql`insert into books (name) values ('raw') returning id, name`)).toEqual({ id: 8, name: "raw" });
    expect(await db.$count(books)).toBe(8);
  });

  test("conflicts: do nothing, with a target, with a composite key, do update with conditions", () => {
    db.insert(cities).values({ id: 1, name: "Other" }).onConflictDoNothing().run();
    db.insert(cities).values({ id: 1, name: "Other" }).onConflictDoNothing({ target: cities.id }).run();
    expect(db.select().from(cities).where(eq(cities.id, 1)).get()).toEqual({ id: 1, name: "Prague" });
    const upsert = db
      .insert(cities)
      .values({ id: 1, name: "Praha" })
      .onConflictDoUpdate({ target: cities.id, set: { name: sql`excluded.name` } });
    expect(upsert.returning().get()).toEqual({ id: 1, name: "Praha" });
    const loan = (note: string) => db.insert(loans).values({ bookId: 1, reader: "r", note });
    loan("one").run();
    loan("two")
      .onConflictDoNothing({ target: [loans.bookId, loans.reader] })
      .run();
    expect(db.select().from(loans).get()?.note).toBe("one");
    loan("three")
      .onConflictDoUpdate({ target: [loans.bookId, loans.reader], set: { note: "three" }, setWhere: eq(loans.note, "none") })
      .run();
    expect(db.select().from(loans).get()?.note).toBe("one");
    loan("four")
      .onConflictDoUpdate({ target: [loans.bookId, loans.reader], set: { note: "four" }, setWhere: eq(loans.note, "one") })
      .run();
    expect(db.select().from(loans).get()?.note).toBe("four");
  });

  test("a broken rule is a `constraint` error that keeps SQLite's words, synchronously and awaited", async () => {
    const twice = () => db.insert(cities).values({ id: 1, name: "Again" });
    const unique = expect.objectContaining({ code: "constraint", message: expect.stringContaining("UNIQUE constraint failed: cities.id") });
    expect(() => twice().run()).toThrow(unique);
    await expect(twice()).rejects.toThrow(unique);
    expect(() => db.insert(books).values({ name: "x", authorId: 99 }).run()).toThrow(expect.objectContaining({ code: "constraint" }));
    expect(() => db.insert(books).values({ name: sql`null` }).run()).toThrow(/NOT NULL/);
    expect(() => db.run(sql`insert into cities (id, name) values (1, 'x')`)).toThrow(/Failed to run the query/);
  });

  test("defaults: all of them, several rows, of the table and of the program, undefined is no value", () => {
    const things = sqliteTable("things", {
      id: integer("id").primaryKey(),
      name: text("name").default("Dan"),
      state: text("state"),
      token: text("token").$default(() => "made"),
      counter: integer("counter")
        .default(1)
        .$onUpdateFn(() => sql`counter + 1`),
      seen: integer("seen", { mode: "timestamp_ms" }).$onUpdate(() => new Date(1_700_000_000_000)),
      gone: text("gone")
        .$type<string | null>()
        .$onUpdate(() => null),
    });
    db.run(
      sql`create table things (id integer primary key, name text default 'Dan', state text, token text, counter integer default 1, seen integer, gone text)`,
    );
    db.insert(things).values({}).run();
    db.insert(things)
      .values([{}, { name: undefined, gone: "here" }])
      .run();
    const row = { name: "Dan", state: null, token: "made", counter: 1, seen: new Date(1_700_000_000_000), gone: null };
    expect(db.select().from(things).all()).toEqual([
      { id: 1, ...row },
      { id: 2, ...row },
      { id: 3, ...row, gone: "here" },
    ]);
    db.update(things).set({ name: "Eve" }).where(eq(things.id, 3)).run();
    db.update(things).set({ counter: null }).where(eq(things.id, 2)).run();
    expect(db.select().from(things).all().slice(1)).toEqual([
      { id: 2, ...row, counter: null },
      { id: 3, ...row, name: "Eve", counter: 2 },
    ]);
    expect(() => db.update(things).set({ name: undefined }).run()).toThrow();
    expect(db.insert(things).values({}).toSQL().params).toContain("Dan");
  });

  test("update from another table, and with subqueries and expressions", () => {
    db.update(books)
      .set({ name: sql`${books.name} || ' by ' || ${authors.name}` })
      .from(authors)
      .where(eq(books.authorId, authors.id))
      .run();
    expect(
      db
        .select({ name: books.name })
        .from(books)
        .orderBy(books.id)
        .all()
        .map((row) => row.name),
    ).toEqual(["First by Ada", "Second by Ada", "Third by Bo", "Anonymous"]);
    const top = db.select({ id: authors.id }).from(authors).where(eq(authors.name, "Bo"));
    expect(db.update(books).set({ price: 0 }).where(inArray(books.authorId, top)).run().changes).toBe(1);
  });

  test("update and delete with limit find rows of a table WITHOUT ROWID by its key", () => {
    const pairs = sqliteTable("pairs", { k: text("k"), v: integer("v") });
    db.run(sql`CREATE TABLE pairs (v INT, k TEXT, PRIMARY KEY (k, v)) WITHOUT ROWID`);
    db.insert(pairs)
      .values(["a", "a", "b", "c"].map((k, v) => ({ k, v })))
      .run();
    expect(db.update(pairs).set({ v: 9 }).where(eq(pairs.k, "a")).orderBy(desc(pairs.v)).limit(1).returning().all()).toEqual([
      { k: "a", v: 9 },
    ]);
    expect(db.delete(pairs).orderBy(asc(pairs.k), asc(pairs.v)).limit(1).returning().all()).toEqual([{ k: "a", v: 0 }]);
    expect(db.delete(pairs).orderBy(desc(pairs.k)).limit(1).run().changes).toBe(1);
    expect(db.select().from(pairs).all()).toHaveLength(2);
    db.run(sql`CREATE TABLE words (word TEXT PRIMARY KEY) WITHOUT ROWID`);
    const words = sqliteTable("words", { word: text("word") });
    db.insert(words)
      .values([{ word: "x" }, { word: "y" }])
      .run();
    expect(db.delete(words).limit(1).returning().all()).toHaveLength(1);
    expect(db.select().from(words).all()).toHaveLength(1);
  });

  test("update and delete with order and limit, with and without RETURNING", () => {
    expect(
      db
        .update(books)
        .set({ price: 0 })
        .orderBy(asc(books.name))
        .limit(2)
        .returning({ name: books.name })
        .all()
        .map((row) => row.name)
        .sort(),
    ).toEqual(["Anonymous", "First"]);
    expect(db.delete(books).where(lt(books.price, 1)).orderBy(asc(books.name)).limit(1).run().changes).toBe(1);
    expect(db.select({ name: books.name }).from(books).all()).toEqual([{ name: "First" }, { name: "Second" }, { name: "Third" }]);
    const byPlaceholder = db.delete(books).orderBy(asc(books.id)).limit(sql.placeholder("n")).prepare();
    expect(byPlaceholder.run({ n: 2 }).changes).toBe(2);
    const hidden = sqliteTable("hidden", { rowid: text("rowid"), name: text("name") });
    db.run(sql`create table hidden (rowid text, name text)`);
    db.insert(hidden)
      .values([
        { rowid: "x", name: "b" },
        { rowid: "x", name: "a" },
      ])
      .run();
    db.delete(hidden).orderBy(hidden.name).limit(1).run();
    expect(db.select().from(hidden).all()).toEqual([{ rowid: "x", name: "b" }]);
  });

  test("insert … select from a builder, a callback and SQL; keys in another order are refused", () => {
    const copies = sqliteTable("copies", { id: integer("id").primaryKey({ autoIncrement: true }), name: text("name").notNull() });
    db.run(sql`create table copies (id integer primary key autoincrement, name text not null)`);
    const source = db.select({ id: authors.id, name: authors.name }).from(authors).orderBy(authors.id);
    expect(db.insert(copies).select(source).returning().all()).toEqual([
      { id: 1, name: "Ada" },
      { id: 2, name: "Bo" },
      { id: 3, name: "Cy" },
    ]);
    db.insert(copies)
      .select((qb) =>
        qb
          .select({ id: sql<number>`id + 10`.as("id"), name: authors.name })
          .from(authors)
          .where(eq(authors.id, 1)),
      )
      .run();
    db.insert(copies).select(sql`select 20, 'sql'`).run();
    expect(db.select({ id: copies.id }).from(copies).where(gt(copies.id, 3)).all()).toEqual([{ id: 11 }, { id: 20 }]);
    expect(() => db.insert(copies).select(db.select({ name: authors.name, id: authors.id }).from(authors) as never)).toThrow();
  });

  test("common table expressions with select, insert, update and delete, built from SQL too", async () => {
    const mean = db.$with("mean").as(db.select({ value: sql<number>`avg(${books.price})`.as("value") }).from(books));
    const dear = db.$with("dear").as(
      db
        .select({ id: books.id, name: books.name })
        .from(books)
        .where(gt(books.price, sql`(select value from ${mean})`)),
    );
    expect(db.with(mean, dear).select({ name: dear.name }).from(dear).all()).toEqual([{ name: "Second" }, { name: "Third" }]);
    expect(
      db
        .with(mean)
        .update(books)
        .set({ price: 0 })
        .where(gt(books.price, sql`(select value from ${mean})`))
        .returning({ id: books.id })
        .all(),
    ).toEqual([{ id: 2 }, { id: 3 }]);
    expect(
      await db
        .with(mean)
        .insert(books)
        .values({ name: "Mean", price: sql`(select cast(value as int) from ${mean})` })
        .returning({ price: books.price }),
    ).toEqual([{ price: 3 }]);
    expect(
      db
        .with(mean)
        .delete(books)
        .where(lt(books.price, sql`(select value from ${mean})`))
        .returning({ id: books.id })
        .all(),
    ).toEqual([{ id: 2 }, { id: 3 }, { id: 5 }]);
    const raw = db.$with("raw", { n: sql<number>`n`.as("n") }).as(sql`select 41 + 1 as n`);
    expect(db.with(raw).select().from(raw).all()).toEqual([{ n: 42 }]);
    expect(() =>
      db
        .with(mean)
        .select()
        .from(db.$with("bad").as(db.select({ x: sql`1` }).from(books)))
        .prepare(),
    ).toThrow();
  });
});
