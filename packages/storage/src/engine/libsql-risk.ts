// Which result columns may hold text that is no UTF-8: the libSQL binding aborts the process on it, so they are read as bytes.

/** What a statement knows of a result column; null for an expression. */
export interface ColumnOrigin {
  readonly name: string;
  readonly table: string | null;
  readonly database: string | null;
}

/** What the schema says about where text comes from. */
export interface SchemaText {
  /** Whether a name in a statement may stand for an expression: a view, a generated column. */
  readonly hidesExpressions: boolean;
  /** A view of several SELECTs, whose columns seem to come from the first of them. */
  readonly hasCompoundView: boolean;
  /** Tables, lower case, whose columns hold what was written to them and nothing that is made when they are read. */
  readonly plainTables: ReadonlySet<string>;
}

/** Reads it off the rows of `schemaRows`. */
export function describeSchema(rows: readonly (readonly unknown[])[]): SchemaText {
  const plainTables = new Set<string>(["sqlite_master", "sqlite_schema"]);
  let hidesExpressions = false;
  let hasCompoundView = false;
  for (const [type, name, rootPage, sql, database] of rows) {
    const text = String(sql);
    const isStored = type === "table" && Number(rootPage) > 0 && !generated.test(text);
    if (!isStored) hidesExpressions = true;
    else if (database === "main") plainTables.add(String(name).toLowerCase());
    hasCompoundView ||= type === "view" && compound.test(text);
  }
  return { hidesExpressions, hasCompoundView, plainTables };
}

const rowsOf = (database: string) =>
  `SELECT type, name, rootpage, sql, '${database}' FROM ${database}.sqlite_master WHERE type IN ('table', 'view')`;
export const schemaRows = `${rowsOf("main")} UNION ALL ${rowsOf("temp")}`;

const generated = /\bas\s*(?:\(|\/\*|--)/i;
const compound = /\b(?:union|intersect|except)\b/i;
/** `||` and `->` make text; between a name and its parenthesis may stand a comment. */
const makesText = /\|\||->|--|\/\*/;
const called = /([\w$"`\]\u0080-\uffff]+)\s*\(/g;
/** Words before a parenthesis that call nothing, and functions that make no text of their own, or none but ASCII. */
const harmless = new Set(
  (
    "all and as between by case conflict distinct else exists filter from having in into join limit not of offset on or over returning select set then " +
    "using values when where with " +
    "abs avg coalesce count date datetime dense_rank first_value hex ifnull iif instr json_array_length json_type json_valid julianday lag " +
    "last_insert_rowid last_value lead length max min nullif random rank round row_number sign sum time total typeof unicode unixepoch"
  ).split(" "),
);

/** Of a name or a parameter; what it makes is no text. */
const castToBlob = /\bcast\s*\(\s*(?:\?\d*|\w+)\s+as\s+blob\s*\)/gi;

/** Whether the text of a statement shows that it makes no text by itself. */
function isHarmless(sql: string): boolean {
  if (makesText.test(sql)) return false;
  for (const [, name] of sql.replace(castToBlob, "?").matchAll(called)) if (!harmless.has(String(name).toLowerCase())) return false;
  return true;
}

/**
 * For each column whether its text may be made by the statement: `printf`, `->>` on half a surrogate pair, a cast of a blob, all make bytes that
 * are no UTF-8. Undefined if none may. Stored text is taken for good: reading all text as bytes costs 1.5 to 3 times the read.
 */
export function riskyColumns(sql: string, columns: () => readonly ColumnOrigin[], schema: SchemaText): readonly boolean[] | undefined {
  if (!schema.hidesExpressions && isHarmless(sql)) return undefined;
  const isUnknown = schema.hasCompoundView || compound.test(sql);
  const risky = columns().map(
    ({ table, database }) => isUnknown || table === null || database !== "main" || !schema.plainTables.has(table.toLowerCase()),
  );
  return risky.includes(true) ? risky : undefined;
}
