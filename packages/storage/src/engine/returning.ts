// Rewrites RETURNING, which cannot be wrapped as a SELECT can: every result column is written anew by the engine that needs it.
import { describeSql, nextToken, type SqlToken, unquoteName } from "./sql-text.ts";

export interface ReturningSql {
  readonly sql: string;
  readonly columns: readonly string[];
  /** Whether a `*` was written out as the columns of the moment. */
  readonly hasStar: boolean;
}

const verbs = new Set(["INSERT", "REPLACE", "UPDATE", "DELETE"]);
/** Words that may end an expression; any other last word after an operand is an alias. */
const expressionEnds = /^(?:END|NULL|ISNULL|NOTNULL|TRUE|FALSE|CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP)$/i;
/** Words that cannot end an operand, so what follows them belongs to the expression. */
const operators = /^(?:AND|OR|NOT|IS|IN|LIKE|GLOB|MATCH|REGEXP|BETWEEN|COLLATE|ESCAPE|CASE|WHEN|THEN|ELSE|DISTINCT|FROM|AS)$/i;

interface Clause {
  readonly items: readonly SqlToken[][];
  readonly start: number;
  readonly end: number;
  readonly table: string;
}

const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The RETURNING clause of a data-changing statement; undefined if it has none. */
function findClause(sql: string, end: number): Clause | undefined {
  const tokens: SqlToken[] = [];
  for (let token = nextToken(sql, 0); token !== undefined && token.start < end; token = nextToken(sql, token.end)) tokens.push(token);
  const text = (token: SqlToken | undefined) => (token === undefined ? "" : sql.slice(token.start, token.end));
  let depth = 0;
  let verbAt = -1;
  let clauseAt = -1;
  for (const [at, token] of tokens.entries()) {
    if (text(token) === "(") depth++;
    else if (text(token) === ")") depth--;
    else if (depth === 0 && token.kind === "word") {
      const word = text(token).toUpperCase();
      if (verbAt === -1 && verbs.has(word)) verbAt = at;
      else if (verbAt !== -1 && word === "RETURNING") clauseAt = at;
    }
  }
  if (clauseAt === -1) return undefined;
  const items = splitItems(tokens.slice(clauseAt + 1), text);
  return { items, start: tokens[clauseAt]!.start, end, table: tableName(tokens.slice(verbAt), text) };
}

function splitItems(tokens: readonly SqlToken[], text: (token: SqlToken) => string): SqlToken[][] {
  const items: SqlToken[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (text(token) === "(") depth++;
    if (text(token) === ")") depth--;
    if (depth === 0 && text(token) === ",") items.push([]);
    else items.at(-1)!.push(token);
  }
  return items;
}

/** `INSERT OR IGNORE INTO main.t`, `UPDATE t`, `DELETE FROM "t"`: the name after the last word that is none. */
function tableName(tokens: readonly SqlToken[], text: (token: SqlToken | undefined) => string): string {
  let at = 1;
  if (text(tokens[at]).toUpperCase() === "OR") at += 2;
  if (/^(?:INTO|FROM)$/i.test(text(tokens[at]))) at++;
  return text(tokens[at + 1]) === "." ? unquoteName(text(tokens[at + 2])) : unquoteName(text(tokens[at]));
}

/** Splits `expression [AS] alias`. */
function itemParts(sql: string, tokens: readonly SqlToken[]): { expression: string; name: string } {
  const text = (token: SqlToken | undefined) => (token === undefined ? "" : sql.slice(token.start, token.end));
  const last = tokens.at(-1)!;
  const before = tokens.at(-2);
  const whole = sql.slice(tokens[0]!.start, last.end);
  // `x'00'` is one token to SQLite and two here.
  const isBlob = last.kind === "string" && before?.end === last.start && /^x$/i.test(text(before));
  const isName = !isBlob && (last.kind === "word" || last.kind === "quoted" || last.kind === "string");
  if (before !== undefined && isName && text(before).toUpperCase() === "AS" && before.kind === "word") {
    return { expression: sql.slice(tokens[0]!.start, before.start), name: unquoteName(text(last)) };
  }
  const endsOperand =
    before !== undefined &&
    ((before.kind === "word" && !operators.test(text(before))) || !["word", "punctuation"].includes(before.kind) || text(before) === ")");
  const isAlias = isName && endsOperand && !(last.kind === "word" && expressionEnds.test(text(last)));
  if (isAlias) return { expression: sql.slice(tokens[0]!.start, before!.end), name: unquoteName(text(last)) };
  const isColumn = tokens.every((token) => token.kind === "word" || token.kind === "quoted" || text(token) === ".");
  return { expression: whole, name: isColumn && isName ? unquoteName(text(last)) : whole };
}

/** Numbers every parameter, so that an expression may be written more than once. */
function numberParameters(sql: string): string {
  let text = "";
  let from = 0;
  for (const { start, end, index } of describeSql(sql).parameters) {
    text += `${sql.slice(from, start)}?${index + 1}`;
    from = end;
  }
  return text + sql.slice(from);
}

export interface ReturningOptions {
  /** Lists a table's columns for `*`. */
  readonly columnsOf: (table: string) => string[];
  /** Text of a result column for an expression. */
  readonly toColumn: (expression: string, index: number) => string;
}

/** Rewrites a statement with RETURNING; undefined if it has none. */
export function rewriteReturning(given: string, { columnsOf, toColumn }: ReturningOptions): ReturningSql | undefined {
  const first = describeSql(given);
  if (!verbs.has(first.verb) || findClause(given, first.end) === undefined) return undefined;
  const sql = numberParameters(given.slice(0, first.end));
  const clause = findClause(sql, sql.length) as Clause;
  const columns: string[] = [];
  const expressions: string[] = [];
  let hasStar = false;
  for (const item of clause.items) {
    if (item.length === 1 && sql.slice(item[0]!.start, item[0]!.end) === "*") {
      hasStar = true;
      for (const name of columnsOf(clause.table)) {
        columns.push(name);
        expressions.push(quoteName(name));
      }
      continue;
    }
    const { expression, name } = itemParts(sql, item);
    columns.push(name);
    expressions.push(expression);
  }
  return { sql: `${sql.slice(0, clause.start)}RETURNING ${expressions.map(toColumn)}`, columns, hasStar };
}
