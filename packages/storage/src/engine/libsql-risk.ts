// Which result columns may hold text that is no UTF-8: the libSQL binding aborts the process on it, so they are read as bytes.
import { nextToken, type SqlInfo, type SqlToken, unquoteName } from "./sql-text.ts";

/** What a statement knows of a result column; null for an expression. */
export interface ColumnOrigin {
  readonly name: string;
  readonly table: string | null;
  readonly database: string | null;
}

/** What the schema says about where text comes from. */
export interface SchemaText {
  /** Names, lower case, that stand for what is made when it is read or written: views, virtual tables and their modules, tables with such columns. */
  readonly makers: ReadonlySet<string>;
  /** A view of several SELECTs, whose columns seem to come from the first of them. */
  readonly hasCompoundView: boolean;
  /** Other files with names of their own, which are not looked at. */
  readonly hasAttached: boolean;
  /** Tables, lower case, whose columns hold what was written to them and nothing that is made when they are read. */
  readonly plainTables: ReadonlySet<string>;
}

/** Reads it off the rows of `schemaRows`. */
export function describeSchema(rows: readonly (readonly unknown[])[]): SchemaText {
  const makers = new Set<string>();
  const plainTables = new Set<string>(["sqlite_master", "sqlite_schema"]);
  let hasCompoundView = false;
  let hasAttached = false;
  for (const [type, given, rootPage, sql, database] of rows) {
    const name = String(given).toLowerCase();
    const text = String(sql);
    const isStored = type === "table" && Number(rootPage) > 0 && !generated.test(text);
    if (type === "database") hasAttached = true;
    else if (!isStored || hasMadeDefault(text)) makers.add(name);
    if (isStored && database === "main") plainTables.add(name);
    hasCompoundView ||= type === "view" && compound.test(text);
  }
  return { makers, hasCompoundView, hasAttached, plainTables };
}

const rowsOf = (database: string) =>
  `SELECT type, name, rootpage, sql, '${database}' FROM ${database}.sqlite_master WHERE type IN ('table', 'view')`;
/** A module may be read by its own name, as if it were a table: `json_each`, `dbstat`. Those of pragmas are listed when they have been used. */
export const schemaRows = `${rowsOf("main")} UNION ALL ${rowsOf("temp")}
  UNION ALL SELECT 'module', name, 0, NULL, NULL FROM pragma_module_list
  UNION ALL SELECT 'database', NULL, 0, NULL, NULL FROM pragma_database_list WHERE name NOT IN ('main', 'temp')`;
const pragmaModule = "pragma_";

const generated = /\bas\s*(?:\(|\/\*|--)/i;
const compound = /\b(?:union|intersect|except)\b/i;
const madeDefault = /\bdefault\s*(?:\(|\/\*|--)/i;
/** Words before a parenthesis that call nothing, and functions that make no text of their own, or none but ASCII. */
const harmless = new Set(
  (
    "all and as between by case conflict default distinct else exists filter from having in into join limit materialized not of offset on or over " +
    "returning select set then using values when where with " +
    "abs avg coalesce count date datetime dense_rank first_value hex ifnull iif instr json_array_length json_type json_valid julianday lag " +
    "last_insert_rowid last_value lead length max min nullif random rank round row_number sign sum time total typeof unicode unixepoch"
  ).split(" "),
);

interface Piece {
  readonly kind: SqlToken["kind"];
  /** A name without its quotes, a word and a name in lower case. */
  readonly text: string;
  readonly start: number;
}

function piecesOf(sql: string): Piece[] {
  const pieces: Piece[] = [];
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    const { kind, start, end } = token;
    const isName = kind === "word" || kind === "quoted" || kind === "string";
    const text = sql.slice(start, end);
    pieces.push({ kind, start, text: isName ? unquoteName(text).toLowerCase() : text });
  }
  return pieces;
}

const isName = ({ kind }: Piece): boolean => kind === "word" || kind === "quoted" || kind === "string";
const join = (pieces: readonly Piece[], at: number, count: number): string =>
  pieces
    .slice(at, at + count)
    .map(({ text }) => text)
    .join(" ");

/** `||`, `->` and `->>` make text. */
const isMakingOperator = (sql: string, { kind, text, start }: Piece): boolean =>
  kind === "punctuation" && ((text === "|" && sql[start + 1] === "|") || (text === "-" && sql[start + 1] === ">"));

/** Whether the name at `at` calls a function that may make text. The table of an INSERT calls nothing, and a cast to a blob makes none. */
function callsMaker(pieces: readonly Piece[], at: number): boolean {
  const { kind, text } = pieces[at] as Piece;
  if (pieces[at + 1]?.text !== "(" || (kind === "word" && harmless.has(text)) || kind === "string") return false;
  if (text === "cast" && join(pieces, at + 3, 3) === "as blob )") return false;
  const before = pieces[at - 1]?.text === "." ? at - 3 : at - 1;
  return pieces[before]?.text !== "into";
}

/** Whether the text of a statement shows that it makes no text by itself. Takes one pass: a literal may be long. */
function isHarmless(sql: string, makers: ReadonlySet<string>): boolean {
  const pieces = piecesOf(sql);
  return !pieces.some(
    (piece, at) =>
      isMakingOperator(sql, piece) ||
      (isName(piece) && (makers.has(piece.text) || piece.text.startsWith(pragmaModule) || callsMaker(pieces, at))),
  );
}

const noMakers: ReadonlySet<string> = new Set();

/** Whether a table's definition has a default that may make text. */
function hasMadeDefault(definition: string): boolean {
  if (!madeDefault.test(definition)) return false;
  const pieces = piecesOf(definition);
  return pieces.some(({ text }, at) => {
    if (text !== "default" || pieces[at + 1]?.text !== "(") return false;
    let depth = 0;
    const end = pieces.findIndex(({ text: mark }, index) => {
      if (index > at) depth += mark === "(" ? 1 : mark === ")" ? -1 : 0;
      return index > at && depth === 0;
    });
    return !isHarmless(definition.slice(pieces[at + 1]?.start, pieces[end]?.start), noMakers);
  });
}

/**
 * The columns whose text may be made by the statement: `printf`, `->>` on half a surrogate pair, a cast of a blob, all make bytes that
 * are no UTF-8. Undefined if none may. Stored text is taken for good: reading all text as bytes costs 1.5 to 3 times the read.
 */
export function riskyColumns(
  { sql, info }: { readonly sql: string; readonly info: SqlInfo },
  columns: () => readonly ColumnOrigin[],
  schema: SchemaText,
): readonly boolean[] | "all" | undefined {
  if (!schema.hasAttached && isHarmless(sql, schema.makers)) return undefined;
  // What INSERT and UPDATE return they may have made just now, for whatever table.
  if (info.kind === "write" && info.verb !== "DELETE") return "all";
  const isUnknown = schema.hasCompoundView || compound.test(sql);
  const risky = columns().map(
    ({ table, database }) => isUnknown || table === null || database !== "main" || !schema.plainTables.has(table.toLowerCase()),
  );
  return risky.includes(true) ? risky : undefined;
}
