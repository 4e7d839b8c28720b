// drizzle-kit's migration folders: applied once, in one transaction, without losing child rows when a table is rebuilt.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { migrate as betterSqliteMigrate } from "drizzle-orm/better-sqlite3/migrator";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drizzle, type HonkerDatabase, migrate } from "../drizzle.ts";
import { engines, type TestFiles, testFiles } from "../testing/drivers.ts";

const breakpoint = "\n--> statement-breakpoint\n";
const create = [
  "CREATE TABLE `nodes` (`id` integer PRIMARY KEY, `name` text);",
  "CREATE TABLE `edges` (`id` integer PRIMARY KEY, `node_id` integer NOT NULL REFERENCES nodes(id) ON DELETE CASCADE);",
].join(breakpoint);
// As drizzle-kit 0.31 writes a rebuild: foreign keys off inside the migrator's transaction, where SQLite ignores it.
const rebuild = [
  "PRAGMA foreign_keys=OFF;",
  "CREATE TABLE `__new_nodes` (`id` integer PRIMARY KEY, `name` text NOT NULL);",
  'INSERT INTO `__new_nodes`("id", "name") SELECT "id", "name" FROM `nodes`;',
  "DROP TABLE `nodes`;",
  "ALTER TABLE `__new_nodes` RENAME TO `nodes`;",
  "PRAGMA foreign_keys=ON;",
].join(breakpoint);

describe.each(engines)("drizzle-kit folders on %s", (engine) => {
  let files: TestFiles;
  let folder: string;
  let db: HonkerDatabase;
  beforeEach(() => {
    files = testFiles();
    folder = join(files.folder, "drizzle");
    mkdirSync(join(folder, "meta"), { recursive: true });
    db = drizzle(files.open(engine));
  });
  afterEach(() => files.remove());
  const write = (...migrations: string[]) => {
    const entries = migrations.map((text, index) => {
      writeFileSync(join(folder, `000${index}_m.sql`), text);
      return { idx: index, version: "6", when: 1_700_000_000_000 + index, tag: `000${index}_m`, breakpoints: true };
    });
    writeFileSync(join(folder, "meta", "_journal.json"), JSON.stringify({ version: "7", dialect: "sqlite", entries }));
  };
  const rows = () => db.values(sql`select (select count(*) from nodes), (select count(*) from edges)`)[0];
  const fill = () => {
    db.run(sql`insert into nodes (id, name) values (1, 'a'), (2, 'b')`);
    db.run(sql`insert into edges (id, node_id) values (1, 1)`);
  };

  test("each migration is applied once; awaiting it works too; the ledger has Drizzle's columns", async () => {
    write(create);
    await migrate(db, { migrationsFolder: folder });
    fill();
    migrate(db, { migrationsFolder: folder });
    write(create, "ALTER TABLE nodes ADD COLUMN age integer;");
    migrate(db, { migrationsFolder: folder });
    expect(db.all(sql`select id, length(hash) as hash, created_at from __drizzle_migrations`)).toEqual([
      { id: 1, hash: 64, created_at: 1_700_000_000_000 },
      { id: 2, hash: 64, created_at: 1_700_000_000_001 },
    ]);
    expect(db.all<{ name: string; type: string; pk: number }>(sql`pragma table_info(__drizzle_migrations)`)[0]).toMatchObject({
      name: "id",
      type: "INTEGER",
      pk: 1,
    });
    expect(db.get(sql`select age from nodes`)).toEqual({ age: null });
  });

  test("a rebuilt table keeps the rows that reference it, by our migrate and by Drizzle's", () => {
    write(create);
    migrate(db, { migrationsFolder: folder });
    fill();
    write(create, rebuild);
    migrate(db, { migrationsFolder: folder });
    expect(rows()).toEqual([2, 1]);
    write(create, rebuild, rebuild);
    betterSqliteMigrate(db as never, { migrationsFolder: folder });
    expect(rows()).toEqual([2, 1]);
    expect(db.get(sql`pragma foreign_keys`)).toEqual({ foreign_keys: 1 });
    expect(() => db.run(sql`insert into edges (id, node_id) values (9, 99)`)).toThrow();
  });

  test("a rebuild that selects a column which the old table has not is refused", () => {
    write(create);
    migrate(db, { migrationsFolder: folder });
    fill();
    write(create, rebuild.replace('("id", "name") SELECT "id", "name"', '("id", "name") SELECT "id", "label"'));
    expect(() => migrate(db, { migrationsFolder: folder })).toThrow(/no such column: label/);
    expect(db.values(sql`select name from nodes`)).toEqual([["a"], ["b"]]);
  });

  test("a migration that commits by itself is refused before it runs", () => {
    write(create, "CREATE TABLE extra (id integer);\n--> statement-breakpoint\nCOMMIT;");
    expect(() => migrate(db, { migrationsFolder: folder })).toThrow(expect.objectContaining({ code: "migration_failed" }));
    expect(db.values(sql`select count(*) from sqlite_master where name in ('nodes', 'extra')`)).toEqual([[0]]);
  });

  test("a failing migration leaves nothing behind; another table name keeps another ledger", () => {
    write(create, "CREATE TABLE extra (id integer);\n--> statement-breakpoint\nINSERT INTO nowhere VALUES (1);");
    expect(() => migrate(db, { migrationsFolder: folder })).toThrow(/nowhere/);
    expect(db.all(sql`select name from sqlite_master where name in ('nodes', 'extra', '__drizzle_migrations')`)).toEqual([]);
    write(create);
    migrate(db, { migrationsFolder: folder, migrationsTable: 'my "ledger"' });
    expect(db.all(sql`select id from "my ""ledger"""`)).toEqual([{ id: 1 }]);
  });

  test("a migration that would break a reference is refused; one during an open transaction, too", async () => {
    write(create);
    migrate(db, { migrationsFolder: folder });
    fill();
    write(create, rebuild.replace("FROM `nodes`", "FROM `nodes` WHERE id = 2"));
    expect(() => migrate(db, { migrationsFolder: folder })).toThrow(expect.objectContaining({ code: "migration_failed" }));
    expect(rows()).toEqual([2, 1]);
    const open = db.transaction(async () => new Promise((resolve) => setTimeout(resolve, 10)));
    expect(() => migrate(db, { migrationsFolder: folder })).toThrow(expect.objectContaining({ code: "writer_busy" }));
    await open;
  });
});
