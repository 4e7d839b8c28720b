// Transactions through Drizzle: synchronous and asynchronous, nested, rolled back, queued, and never in each other's way.
import { eq, sql, TransactionRollbackError } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drizzle } from "../drizzle.ts";
import { engines } from "../testing/drivers.ts";
import { filledLibrary, type Library, type LibraryDatabase } from "../testing/library.ts";
import { authors, books, cities } from "../testing/library-schema.ts";

const pause = (ms = 5) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const busy = expect.objectContaining({ code: "writer_busy", retryable: true });

describe.each(engines)("transactions on %s", (engine) => {
  let library: Library;
  let db: LibraryDatabase;
  const names = () =>
    db
      .select({ name: cities.name })
      .from(cities)
      .orderBy(cities.id)
      .all()
      .map((row) => row.name);
  const add = (name: string) => db.insert(cities).values({ name });
  beforeEach(() => {
    library = filledLibrary(engine);
    db = library.db;
    db.delete(books).run();
    db.delete(authors).run();
    db.delete(cities).run();
  });
  afterEach(() => library.files.remove());

  test("a synchronous callback commits and returns its value; an error takes everything back", () => {
    const id = db.transaction((tx) => tx.insert(cities).values({ name: "a" }).returning().get().id);
    expect(id).toBe(1);
    const error = new Error("no");
    expect(() =>
      db.transaction((tx) => {
        tx.insert(cities).values({ name: "b" }).run();
        expect(tx.select().from(cities).all()).toHaveLength(2);
        throw error;
      }),
    ).toThrow(error);
    expect(() => db.transaction((tx) => tx.rollback())).toThrow(TransactionRollbackError);
    expect(names()).toEqual(["a"]);
    expect(library.db.session.core.driver.inTransaction).toBe(false);
  });

  test("an asynchronous callback stays open across awaits; rollback() and errors take everything back", async () => {
    await db.transaction(async (tx) => {
      await tx.insert(cities).values({ name: "a" });
      await pause();
      await tx.update(cities).set({ name: "A" }).where(eq(cities.name, "a"));
    });
    await expect(
      db.transaction(async (tx) => {
        await tx.insert(cities).values({ name: "b" }).run();
        await pause();
        tx.rollback();
      }),
    ).rejects.toThrow(TransactionRollbackError);
    expect(names()).toEqual(["A"]);
  });

  test("nested transactions are savepoints: synchronous, asynchronous, three deep", async () => {
    db.transaction((tx) => {
      tx.insert(cities).values({ name: "a" }).run();
      expect(() =>
        tx.transaction((inner) => {
          inner.insert(cities).values({ name: "lost" }).run();
          inner.transaction((third) => third.insert(cities).values({ name: "lost too" }).run());
          inner.rollback();
        }),
      ).toThrow(TransactionRollbackError);
      tx.transaction((inner) => inner.insert(cities).values({ name: "b" }).run());
    });
    expect(names()).toEqual(["a", "b"]);
    await db.transaction(async (tx) => {
      await expect(
        tx.transaction(async (inner) => {
          await inner.delete(cities);
          await pause();
          inner.rollback();
        }),
      ).rejects.toThrow(TransactionRollbackError);
      await tx.transaction(async (inner) => {
        await inner.insert(cities).values({ name: "c" });
      });
    });
    expect(names()).toEqual(["a", "b", "c"]);
  });

  test("nested asynchronous transactions started together take turns", async () => {
    await db.transaction(async (tx) => {
      const nested = (name: string, fails: boolean) =>
        tx.transaction(async (inner) => {
          await inner.insert(cities).values({ name });
          await pause();
          if (fails) inner.rollback();
        });
      const results = await Promise.allSettled([nested("a", false), nested("b", true), nested("c", false)]);
      expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    });
    expect(names()).toEqual(["a", "c"]);
  });

  test("behaviours: deferred, immediate, exclusive", () => {
    for (const behavior of ["deferred", "immediate", "exclusive"] as const)
      db.transaction((tx) => tx.insert(cities).values({ name: behavior }).run(), { behavior });
    expect(names()).toEqual(["deferred", "immediate", "exclusive"]);
  });

  test("while an asynchronous one is open: awaited writers wait, synchronous ones get writer_busy, nothing of theirs is rolled back with it", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const open = db.transaction(async (tx) => {
      await tx.insert(cities).values({ name: "inside" });
      await gate;
      tx.rollback();
    });
    expect(() => add("sync").run()).toThrow(busy);
    expect(() => db.update(cities).set({ name: "x" }).run()).toThrow(busy);
    expect(() => db.run(sql`delete from cities`)).toThrow();
    expect(() => db.transaction((tx) => tx.delete(cities).run())).toThrow(busy);
    expect(names()).toEqual([]);
    expect(await db.select().from(cities)).toEqual([]);
    const order: string[] = [];
    const waiting = [
      add("first").then(() => order.push("first")),
      db
        .insert(cities)
        .values({ name: "second" })
        .prepare()
        .execute()
        .then(() => order.push("second")),
      db.transaction(async (tx) => {
        await tx.insert(cities).values({ name: "third" });
        await pause();
        order.push("third");
      }),
      db
        .update(cities)
        .set({ name: "FIRST" })
        .where(eq(cities.name, "first"))
        .then(() => order.push("update")),
      db
        .delete(cities)
        .where(eq(cities.name, "second"))
        .then(() => order.push("delete")),
      db.transactionAsync((tx) => tx.insert(cities).values({ name: "last" }).run()).then(() => order.push("last")),
    ];
    await pause();
    expect(order).toEqual([]);
    release();
    await expect(open).rejects.toThrow(TransactionRollbackError);
    await Promise.all(waiting);
    expect(names()).toEqual(["FIRST", "third", "last"]);
    expect(order).toHaveLength(6);
  });

  test("two database objects and two handles on one file share the writer", async () => {
    const other = drizzle(library.files.open(engine), { schema: {} });
    const open = db.transaction(async (tx) => {
      await tx.insert(cities).values({ name: "a" });
      await pause(20);
    });
    expect(() => other.insert(cities).values({ name: "b" }).run()).toThrow(busy);
    await Promise.all([open, other.insert(cities).values({ name: "c" })]);
    expect(names()).toEqual(["a", "c"]);
  });

  test("many concurrent read-modify-write transactions lose no update", async () => {
    db.insert(books).values({ name: "counter", price: 0 }).run();
    const bump = () =>
      db.transaction(async (tx) => {
        const { price } = (await tx.select().from(books).get())!;
        await pause(1);
        await tx.update(books).set({ price: price + 1 });
      });
    await Promise.all(Array.from({ length: 25 }, bump));
    expect(db.select().from(books).get()?.price).toBe(25);
  });

  test("a transaction object that outlives its transaction is refused", async () => {
    let kept: Parameters<Parameters<LibraryDatabase["transaction"]>[0]>[0] | undefined;
    db.transaction((tx) => {
      kept = tx;
    });
    expect(() => kept!.insert(cities).values({ name: "late" }).run()).toThrow(expect.objectContaining({ code: "transaction_closed" }));
    await expect(kept!.insert(cities).values({ name: "late" })).rejects.toThrow(expect.objectContaining({ code: "transaction_closed" }));
    expect(names()).toEqual([]);
  });

  test("the outer database inside a synchronous transaction is part of it", () => {
    expect(() =>
      db.transaction((tx) => {
        add("outer").run();
        db.transaction(() => add("nested").run());
        tx.rollback();
      }),
    ).toThrow(TransactionRollbackError);
    expect(names()).toEqual([]);
  });

  test("a failed commit rolls back and frees the writer", () => {
    db.run(sql`create table later (id integer primary key, ref integer references cities (id) deferrable initially deferred)`);
    expect(() => db.transaction((tx) => tx.run(sql`insert into later (ref) values (77)`))).toThrow(
      expect.objectContaining({ code: "constraint" }),
    );
    expect(db.all(sql`select * from later`)).toEqual([]);
    add("after").run();
    expect(names()).toEqual(["after"]);
  });

  test("queries and raw SQL work on tx: all, get, values, run, relations, with, $count, batch of builders", async () => {
    add("a").run();
    await db.transaction(async (tx) => {
      expect(tx.all(sql`select name from cities`)).toEqual([{ name: "a" }]);
      expect(tx.get(sql`select 1 as one`)).toEqual({ one: 1 });
      expect(tx.values(sql`select 1, 2`)).toEqual([[1, 2]]);
      expect(tx.run(sql`update cities set name = 'b'`).changes).toBe(1);
      expect((await tx.query.cities.findFirst())?.name).toBe("b");
      expect(await tx.$count(cities)).toBe(1);
      const one = tx.$with("one").as(tx.select({ id: cities.id }).from(cities));
      expect(await tx.with(one).select().from(one)).toEqual([{ id: 1 }]);
    });
  });
});
