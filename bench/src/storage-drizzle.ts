// Drizzle on Honker against drizzle-better-sqlite3: the same tables, queries and synchronous level, interleaved rounds in one run.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drizzle, open } from "@cuitty/storage/drizzle";
import { eq, gt, placeholder } from "drizzle-orm";
import { BetterSQLiteSession } from "drizzle-orm/better-sqlite3/session";
import { BaseSQLiteDatabase, integer, SQLiteSyncDialect, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Median ratio of Honker's time to better-sqlite3's that must not be passed. */
const CEILINGS = { insert: 1.1, "point select": 1.1, "100-row select": 1.8 } as const;
type Gated = keyof typeof CEILINGS;

const people = sqliteTable("people", {
  id: integer("id").primaryKey(),
  name: text("name").notNull(),
  email: text("email").notNull(),
  isActive: integer("is_active", { mode: "boolean" }).notNull(),
  createdAt: integer("created_at", { mode: "timestamp" }).notNull(),
});

type Database = BaseSQLiteDatabase<"sync", { changes: number }>;
type Operation = (db: Database, n: number) => unknown;

interface Side {
  readonly db: Database;
  readonly operations: Readonly<Record<string, (n: number) => unknown>>;
  readonly close: () => void;
}

interface Result {
  readonly operation: string;
  readonly honkerMicros: number;
  readonly betterSqliteMicros: number;
  /** Median of the rounds' own ratios: neighbours in time share what else the machine did. */
  readonly ratio: number;
  readonly ceiling: number | null;
}

const row = (n: number) => ({
  name: `person ${n}`,
  email: `person-${n}@example.com`,
  isActive: n % 2 === 0,
  createdAt: new Date(n * 1000),
});

/** How often an operation runs in one round; a round takes a few milliseconds. */
const repeats = {
  insert: 200,
  "point select": 200,
  "100-row select": 40,
  "insert, prepared": 200,
  "point select, prepared": 400,
  "100-row select, prepared": 40,
};

const builders: Readonly<Record<Gated, Operation>> = {
  insert: (db, n) => db.insert(people).values(row(n)).run(),
  "point select": (db, n) =>
    db
      .select()
      .from(people)
      .where(eq(people.id, (n % 1000) + 1))
      .get(),
  "100-row select": (db, n) =>
    db
      .select()
      .from(people)
      .where(gt(people.id, n % 500))
      .limit(100)
      .all(),
};

function operationsOf(db: Database): Side["operations"] {
  const insert = db
    .insert(people)
    .values({
      name: placeholder("name"),
      email: placeholder("email"),
      isActive: placeholder("isActive"),
      createdAt: placeholder("createdAt"),
    })
    .prepare();
  const point = db
    .select()
    .from(people)
    .where(eq(people.id, placeholder("id")))
    .prepare();
  const page = db
    .select()
    .from(people)
    .where(gt(people.id, placeholder("after")))
    .limit(100)
    .prepare();
  return {
    ...Object.fromEntries(Object.entries(builders).map(([name, operation]) => [name, (n: number) => operation(db, n)])),
    "insert, prepared": (n) => insert.run(row(n)),
    "point select, prepared": (n) => point.get({ id: (n % 1000) + 1 }),
    "100-row select, prepared": (n) => page.all({ after: n % 500 }),
  };
}

function prepare(db: Database, close: () => void): Side {
  db.run(
    "create table people (id integer primary key, name text not null, email text not null, is_active integer not null, created_at integer not null)",
  );
  for (let n = 0; n < 1000; n++) db.insert(people).values(row(n)).run();
  return { db, operations: operationsOf(db), close };
}

function honker(folder: string, synchronous: "NORMAL" | "FULL"): Side {
  const client = open(join(folder, "honker.db"), { engine: "honker", synchronous });
  return prepare(drizzle(client) as unknown as Database, () => client.close());
}

interface BetterSqlite {
  pragma(text: string): unknown;
  close(): void;
}

/** drizzle-orm/better-sqlite3 without its driver module, which would look for better-sqlite3 beside drizzle-orm. */
function betterSqlite(folder: string, synchronous: "NORMAL" | "FULL"): Side {
  const Client = createRequire(join(import.meta.dirname, "../package.json"))("better-sqlite3") as new (path: string) => BetterSqlite;
  const client = new Client(join(folder, "better-sqlite3.db"));
  for (const pragma of ["journal_mode = WAL", `synchronous = ${synchronous}`, "foreign_keys = ON", "wal_autocheckpoint = 1000"])
    client.pragma(pragma);
  const dialect = new SQLiteSyncDialect();
  const session = new BetterSQLiteSession(client as never, dialect, undefined);
  return prepare(new BaseSQLiteDatabase("sync", dialect, session as never, undefined) as unknown as Database, () => client.close());
}

function timeRound(run: (n: number) => unknown, count: number, from: number): number {
  const start = process.hrtime.bigint();
  for (let n = 0; n < count; n++) run(from + n);
  return Number(process.hrtime.bigint() - start) / 1000 / count;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** All operations, `rounds` interleaved rounds each, who goes first changing. */
export function measureDrizzle(rounds: number, synchronous: "NORMAL" | "FULL" = "NORMAL"): Result[] {
  const folder = mkdtempSync(join(tmpdir(), "cuitty-bench-"));
  const sides = { honker: honker(folder, synchronous), betterSqlite: betterSqlite(folder, synchronous) };
  try {
    return Object.entries(repeats).map(([operation, count]) => measureOne(sides, operation, { count, rounds }));
  } finally {
    sides.honker.close();
    sides.betterSqlite.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function measureOne(
  sides: { honker: Side; betterSqlite: Side },
  operation: string,
  { count, rounds }: { count: number; rounds: number },
): Result {
  const times: { honker: number[]; betterSqlite: number[] } = { honker: [], betterSqlite: [] };
  for (let round = -3; round < rounds; round++) {
    const order = round % 2 === 0 ? (["honker", "betterSqlite"] as const) : (["betterSqlite", "honker"] as const);
    for (const name of order) {
      const micros = timeRound(sides[name].operations[operation]!, count, (round + 3) * count);
      // The first three rounds warm up.
      if (round >= 0) times[name].push(micros);
    }
  }
  const ratio = median(times.honker.map((micros, index) => micros / times.betterSqlite[index]!));
  return {
    operation,
    honkerMicros: median(times.honker),
    betterSqliteMicros: median(times.betterSqlite),
    ratio,
    ceiling: CEILINGS[operation as Gated] ?? null,
  };
}

/** Prints the comparison; `ok` is false when a ceiling is passed. */
export async function run({
  quick,
  json,
}: {
  readonly quick: boolean;
  readonly json: boolean;
  readonly check: boolean;
}): Promise<{ ok: boolean }> {
  const synchronous = "NORMAL";
  const results = measureDrizzle(quick ? 41 : 151, synchronous);
  if (json) console.log(JSON.stringify({ bench: "storage-drizzle", synchronous, results }, null, 2));
  else {
    console.log(`Drizzle on Honker and drizzle-better-sqlite3, synchronous ${synchronous} on both, medians in microseconds an operation`);
    for (const { operation, honkerMicros, betterSqliteMicros, ratio, ceiling } of results) {
      const limit = ceiling === null ? "" : `  (at most ${ceiling}x)`;
      console.log(
        `${operation.padEnd(26)} honker ${honkerMicros.toFixed(1).padStart(7)}  better-sqlite3 ${betterSqliteMicros.toFixed(1).padStart(7)}  ratio ${ratio.toFixed(2)}x${limit}`,
      );
    }
  }
  return { ok: results.every(({ ratio, ceiling }) => ceiling === null || ratio <= ceiling) };
}
