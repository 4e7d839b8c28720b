// The SQL reader against a reference that walks the text one character at a time, on random SQL, and on the cases that bite.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeSql, splitStatements } from "./sql-text.ts";

/** Parameters found the slow way: strings, names and comments are blanked first. */
function referenceParameters(sql: string): { start: number; text: string }[] {
  const blanked = sql.replace(
    /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g,
    (match) => " ".repeat(match.length),
  );
  const found: { start: number; text: string }[] = [];
  for (const match of blanked.matchAll(
    /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w$\u0080-\uffff]*|\?\d*|[:@$#][\w$\u0080-\uffff]*/g,
  )) {
    if (/^[?:@$#]/.test(match[0])) found.push({ start: match.index, text: match[0] });
  }
  return found;
}

const piece = fc.oneof(
  fc.constantFrom("SELECT", "select", "FROM", "t", "a$b", "x'00'", "1e5", "0x1F", ",", "(", ")", "=", "+", "*", " ", "\n", "\t", "é?"),
  fc.constantFrom("?", "?1", "?12", ":name", "@x", "$y", "?", "?"),
  fc.string({ maxLength: 6 }).map((body) => `'${body.replaceAll("'", "''")}'`),
  fc.string({ maxLength: 6 }).map((body) => `"${body.replaceAll('"', '""')}"`),
  fc.string({ maxLength: 6 }).map((body) => `\`${body.replaceAll("`", "``")}\``),
  fc.string({ maxLength: 6 }).map((body) => `[${body.replaceAll("]", "")}]`),
  fc.string({ maxLength: 8 }).map((body) => `-- ${body.replaceAll("\n", "")}\n`),
  fc.string({ maxLength: 8 }).map((body) => `/* ${body.replaceAll("*/", "")} */`),
  fc.constantFrom("'", '"', "`", "[", "/*", "--", "/*/"),
);
/** Without semicolons, and without the Tcl forms `:name(…)` and `::`, which have their own test. */
const sqlText = fc
  .array(piece, { maxLength: 30 })
  .map((pieces) => pieces.join(" ").replaceAll(";", ",").replaceAll("(", " (").replaceAll("::", ": :"));

test("parameters of random SQL are where a reference scan finds them", () => {
  fc.assert(
    fc.property(sqlText, (text) => {
      const sql = `SELECT ${text}`;
      const { parameters } = describeSql(sql);
      expect(parameters.map(({ start, end }) => ({ start, text: sql.slice(start, end) }))).toEqual(referenceParameters(sql));
    }),
    { numRuns: 3_000 },
  );
});

test("the Tcl forms of a parameter are one parameter", () => {
  const texts = (sql: string) => describeSql(sql).parameters.map(({ start, end }) => sql.slice(start, end));
  expect(texts("SELECT $a::b(c), @x::y, :z (1)")).toEqual(["$a::b(c)", "@x::y", ":z"]);
});

test("parameters are numbered as SQLite numbers them", () => {
  const numbers = (sql: string) => describeSql(sql).parameters.map(({ index }) => index);
  expect(numbers("SELECT ?, ?, ?")).toEqual([0, 1, 2]);
  expect(numbers("SELECT ?3, ?, ?1")).toEqual([2, 3, 0]);
  expect(numbers("SELECT :a, ?, :a, @a, $a")).toEqual([0, 1, 0, 2, 3]);
  expect(describeSql("SELECT ?5").parameterCount).toBe(5);
});

describe("kinds", () => {
  const cases: [string, string, string][] = [
    ["select 1", "read", "SELECT"],
    ["  -- c\n /* c */ VALUES (1)", "read", "VALUES"],
    ['WITH a AS (DELETE), "insert" AS (SELECT 1) SELECT 1', "read", "SELECT"],
    ["with recursive x(n) as (values(1) union select n+1 from x) insert into t select * from x", "write", "INSERT"],
    ["WITH x AS (SELECT 1) UPDATE t SET a = 1", "write", "UPDATE"],
    ["EXPLAIN QUERY PLAN DELETE FROM t", "read", "EXPLAIN"],
    ["begin immediate", "control", "BEGIN"],
    ["ROLLBACK TO x", "control", "ROLLBACK"],
    ["release x", "control", "RELEASE"],
    ["PRAGMA user_version = 1", "other", "PRAGMA"],
    ["vacuum into 'x'", "other", "VACUUM"],
    ["CREATE TABLE t AS SELECT 1", "write", "CREATE"],
    ["", "write", ""],
  ];
  test.each(cases)("%s", (sql, kind, verb) => {
    expect(describeSql(sql)).toMatchObject({ kind, verb });
  });
});

describe("scripts", () => {
  test("split at semicolons that end statements, not at those in text, names, comments and triggers", () => {
    const trigger = "CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; UPDATE t SET a = ';'; END";
    expect(splitStatements(`SELECT ';' ; ; SELECT "a;b" -- x;\n; ${trigger} ; /* ; */ SELECT [;];;`)).toEqual([
      "SELECT ';' ",
      'SELECT "a;b" -- x;\n',
      `${trigger} `,
      "SELECT [;]",
    ]);
    expect(splitStatements(" ; -- nothing\n")).toEqual([]);
    expect(splitStatements("CREATE TABLE trigger_log (a); SELECT 1")).toEqual(["CREATE TABLE trigger_log (a)", "SELECT 1"]);
  });

  test("pieces of a random script hold all its statements", () => {
    const statement = sqlText.map((text) => `SELECT ${text.replaceAll(/['"`[\]#/-]/g, "")}`);
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 5 }), (statements) => {
        expect(splitStatements(statements.join(" ;\n ")).map((text) => text.trim())).toEqual(statements.map((text) => text.trim()));
      }),
    );
  });
});
