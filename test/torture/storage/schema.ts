// What the storage tortures write, and what must hold of it afterwards.
import type { Migration } from "@cuitty/storage/module-file";

export const rowsPerWrite = 5;
export const blockRows = 3_000;

export const schema: Migration[] = [
  {
    version: 1,
    name: "events",
    statements: [
      "CREATE TABLE events (n INTEGER NOT NULL, i INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (n, i))",
      "CREATE INDEX events_by_body ON events (body)",
    ],
  },
];

/** Six migrations; each copies every row to a new table and drops the old one, so that a half-done one is seen. */
export function generations(rows: number): Migration[] {
  const first = `INSERT INTO g1 WITH RECURSIVE x(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM x WHERE n < ${rows}) SELECT n, hex(randomblob(20)) FROM x`;
  return Array.from({ length: 6 }, (_, index): Migration => {
    const version = index + 1;
    const fill = index === 0 ? [first] : [`INSERT INTO g${version} SELECT n, v || '+' FROM g${index}`, `DROP TABLE g${index}`];
    return {
      version,
      name: `generation ${version}`,
      statements: [`CREATE TABLE g${version} (n INTEGER PRIMARY KEY, v TEXT NOT NULL)`, ...fill],
    };
  });
}

/** A query of one open file. */
export type Query = (sql: string) => readonly (readonly unknown[])[];

/** What is wrong with a file that held `acknowledged` writes: lost ones, torn ones, damage. Empty when nothing is. */
export function checkEvents(query: Query, acknowledged: Iterable<number>, isModuleFile: boolean): string[] {
  const integrity = String(query("PRAGMA integrity_check(3)")[0]?.[0]);
  if (integrity !== "ok") return [`corrupt: ${integrity}`];
  const wrong: string[] = [];
  const hasTable = query("SELECT count(*) FROM sqlite_master WHERE name = 'events'")[0]?.[0] === 1;
  const counts = new Map<number, number>(
    hasTable ? query("SELECT n, count(*) FROM events GROUP BY n").map(([n, c]) => [Number(n), Number(c)]) : [],
  );
  for (const [n, count] of counts) if (count !== rowsPerWrite) wrong.push(`torn: write ${n} has ${count} rows`);
  for (const n of acknowledged) if (!counts.has(n)) wrong.push(`lost: write ${n} was acknowledged`);
  const markTable = isModuleFile ? "_inbox" : "_honker_notifications";
  const hasMarks = query(`SELECT count(*) FROM sqlite_master WHERE name = '${markTable}'`)[0]?.[0] === 1;
  if (!hasMarks || wrong.length > 0) return wrong;
  const marks = isModuleFile
    ? query("SELECT replace(key, 'key-', '') FROM _inbox").map(([key]) => Number(key))
    : query("SELECT payload FROM _honker_notifications").map(([payload]) => Number(payload));
  if (marks.length !== counts.size || marks.some((n) => !counts.has(n)))
    wrong.push(`torn: ${marks.length} marks for ${counts.size} writes`);
  return wrong;
}

/** What is wrong with a file that was killed while it migrated. */
export function checkGenerations(query: Query): string[] {
  const integrity = String(query("PRAGMA integrity_check(3)")[0]?.[0]);
  if (integrity !== "ok") return [`corrupt: ${integrity}`];
  const tables = query("SELECT name FROM sqlite_master WHERE type = 'table'").map(([name]) => String(name));
  const version = tables.includes("_cuitty_migrations") ? Number(query("SELECT count(*) FROM _cuitty_migrations")[0]?.[0]) : 0;
  const stamped = Number(query("PRAGMA user_version")[0]?.[0]);
  const data = tables.filter((name) => /^g\d$/.test(name));
  const expected = version === 0 ? "" : `g${version}`;
  const wrong: string[] = [];
  if (stamped !== version) wrong.push(`torn: ledger ${version}, user_version ${stamped}`);
  if (data.join() !== expected) wrong.push(`torn: ledger ${version}, tables ${data.join() || "none"}`);
  else if (version > 0 && query(`SELECT count(*) FROM ${expected}`)[0]?.[0] !== blockRows) wrong.push(`torn: ${expected} is not full`);
  return wrong;
}
