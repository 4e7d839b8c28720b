// Finds stored text that is no UTF-8: SQLite's own check passes it over, and reading it as text ends the process on the libSQL engine.
import { isUtf8 } from "node:buffer";
import type { Driver, SqlRow, SqlValue } from "../engine/driver.ts";

/** Rows and findings at a time. */
const pageRows = 1_000;
const maxFindings = 20;

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** At most 20 findings, each naming table, column and row. Reads all text that is more than ASCII. Errors: those of Driver. */
export function unreadableTexts(driver: Driver): string[] {
  const findings: string[] = [];
  const tables = driver
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
    .all();
  for (const [table] of tables) {
    if (findings.length < maxFindings) findings.push(...unreadableIn(driver, String(table)));
  }
  return findings.slice(0, maxFindings);
}

function unreadableIn(driver: Driver, table: string): string[] {
  const info = driver.prepare("SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid").all([table]);
  const columns = info.map(([name]) => String(name));
  const key = keyOf(driver, table, info);
  const readPage = createPages(driver, { table, columns, key });
  const findings: string[] = [];
  let after: readonly SqlValue[] | undefined = [];
  while (after !== undefined && findings.length < maxFindings) {
    const rows: SqlRow[] = readPage(after);
    for (const row of rows) {
      for (const [index, column] of columns.entries()) {
        const bytes = row[key.length + index];
        if (!(bytes instanceof Uint8Array) || isUtf8(bytes)) continue;
        findings.push(`the text of ${column} in row ${row.slice(0, key.length).map(String).join(", ")} of ${table} is no UTF-8`);
      }
    }
    const last = rows.length < pageRows ? undefined : rows.at(-1)?.slice(0, key.length);
    // A key that is damaged itself may sort elsewhere than it stands.
    after = last?.every((value, index) => value === after?.[index]) ? undefined : last;
  }
  return findings;
}

/** What tells rows apart and orders them: a row id that no column hides, or the primary key of a table that has none. */
function keyOf(driver: Driver, table: string, info: readonly SqlRow[]): string[] {
  const isWithoutRowid = driver.prepare("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'").get([table])?.[0] === 1;
  const byRank = info.filter(([, rank]) => Number(rank) > 0).sort((a, b) => Number(a[1]) - Number(b[1]));
  if (isWithoutRowid) return byRank.map(([name]) => quote(String(name)));
  const taken = new Set(info.map(([name]) => String(name).toLowerCase()));
  return [["rowid", "_rowid_", "oid"].find((name) => !taken.has(name)) ?? "rowid"];
}

interface Paging {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

/** Pages in the order of the key: its values, then each column as bytes where it is text beyond ASCII, else null. */
function createPages(driver: Driver, { table, columns, key }: Paging): (after: readonly SqlValue[]) => SqlRow[] {
  // A character class of the ASCII ones: what matches has another one, or a byte that is none.
  const isBeyond = (name: string) => `typeof(${name}) = 'text' AND ${name} GLOB '*[^' || char(1) || '-' || char(127) || ']*'`;
  const texts = columns.map((column) => `CASE WHEN ${isBeyond(quote(column))} THEN CAST(${quote(column)} AS BLOB) END`);
  const anyText = columns.map((column) => `(${isBeyond(quote(column))})`).join(" OR ");
  // A key as an expression, whose text the engine reads as bytes, whatever is in it.
  const page = (where: string) =>
    `SELECT ${[...key.map((name) => `iif(1, ${name}, ${name})`), ...texts].join()} FROM ${quote(table)} WHERE ${where}(${anyText}) ORDER BY ${key.join()} LIMIT ${pageRows}`;
  return (after) => {
    if (after.length === 0) return driver.prepare(page("")).all();
    return driver.prepare(page(`(${key.join()}) > (${key.map(() => "?").join()}) AND `)).all(after);
  };
}
