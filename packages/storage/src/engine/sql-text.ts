// Reads just enough of SQL text to drive an engine: main verb, parameters, statement ends. Follows SQLite's own tokenizer (src/tokenize.c).

/** One token that matters; white space and comments are skipped. */
export interface SqlToken {
  readonly kind: "word" | "quoted" | "string" | "parameter" | "punctuation" | "other";
  readonly start: number;
  readonly end: number;
}

export interface SqlParameter {
  readonly start: number;
  readonly end: number;
  /** Position in the parameter array, from 0. */
  readonly index: number;
}

/** `read` returns rows and changes nothing; `control` moves transactions; `other` (PRAGMA, VACUUM, ATTACH) cannot stand inside a transaction of ours. */
export type SqlKind = "read" | "write" | "control" | "other";

export interface SqlInfo {
  readonly kind: SqlKind;
  /** First keyword that decides what runs, upper case: SELECT, INSERT, BEGIN … Empty for text without a statement. */
  readonly verb: string;
  readonly parameters: readonly SqlParameter[];
  /** How many values must be bound. */
  readonly parameterCount: number;
  /** End of the first statement, its semicolon excluded. */
  readonly end: number;
  /** Where the next statement starts; -1 if there is none. */
  readonly next: number;
}

const isSpace = (code: number) => code === 32 || (code >= 9 && code <= 13 && code !== 11);
const isDigit = (code: number) => code >= 48 && code <= 57;
const isWordStart = (code: number) => (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95 || code >= 128;
const isWordPart = (code: number) => isWordStart(code) || isDigit(code) || code === 36;

/** End of a quoted token whose closing character is written twice inside it; the end of the text when it is not closed. */
function quotedEnd(sql: string, start: number, quote: string): number {
  for (let at = sql.indexOf(quote, start + 1); at !== -1; at = sql.indexOf(quote, at + 2)) {
    if (sql[at + 1] !== quote) return at + 1;
  }
  return sql.length;
}

/** End of a `$name`, `@name`, `:name` or `#name`, with the `::` and `(…)` of its Tcl form. */
function variableEnd(sql: string, start: number): number {
  let at = start + 1;
  let named = false;
  for (; at < sql.length; at++) {
    const code = sql.charCodeAt(at);
    if (isWordPart(code)) named = true;
    else if (code === 40 && named) {
      do at++;
      while (at < sql.length && sql[at] !== ")" && !isSpace(sql.charCodeAt(at)));
      return sql[at] === ")" ? at + 1 : at;
    } else if (code === 58 && sql.charCodeAt(at + 1) === 58) at++;
    else break;
  }
  return at;
}

function wordEnd(sql: string, start: number): number {
  let at = start;
  while (at < sql.length && isWordPart(sql.charCodeAt(at))) at++;
  return at;
}

function skipBlank(sql: string, from: number): number {
  let at = from;
  while (at < sql.length) {
    const code = sql.charCodeAt(at);
    if (isSpace(code)) at++;
    else if (code === 45 && sql.charCodeAt(at + 1) === 45) {
      const line = sql.indexOf("\n", at);
      at = line === -1 ? sql.length : line + 1;
    } else if (code === 47 && sql.charCodeAt(at + 1) === 42) {
      // SQLite takes `/*/` as an open comment: the closing mark must start after the opening one.
      const close = sql.indexOf("*/", at + 2);
      at = close === -1 ? sql.length : close + 2;
    } else return at;
  }
  return sql.length;
}

/** The token at or after `from`; undefined at the end of the text. */
export function nextToken(sql: string, from: number): SqlToken | undefined {
  const start = skipBlank(sql, from);
  if (start >= sql.length) return undefined;
  const code = sql.charCodeAt(start);
  const char = sql[start]!;
  if (isWordStart(code)) return { kind: "word", start, end: wordEnd(sql, start) };
  if (char === "'") return { kind: "string", start, end: quotedEnd(sql, start, char) };
  if (char === '"' || char === "`") return { kind: "quoted", start, end: quotedEnd(sql, start, char) };
  if (char === "[") {
    const close = sql.indexOf("]", start);
    return { kind: "quoted", start, end: close === -1 ? sql.length : close + 1 };
  }
  if (char === "?") {
    let end = start + 1;
    while (isDigit(sql.charCodeAt(end))) end++;
    return { kind: "parameter", start, end };
  }
  if (char === "$" || char === "@" || char === ":" || char === "#") return { kind: "parameter", start, end: variableEnd(sql, start) };
  // A number swallows letters, so that the `e` of 1e5 and the `x` of 0x1F are no words.
  if (isDigit(code)) return { kind: "other", start, end: wordEnd(sql, start) };
  return { kind: "punctuation", start, end: start + 1 };
}

/** A name without its quotes, of whatever style. */
export function unquoteName(text: string): string {
  const quote = text[0];
  if (quote === "[") return text.slice(1, -1);
  return quote === '"' || quote === "`" || quote === "'" ? text.slice(1, -1).replaceAll(quote + quote, quote) : text;
}

const kinds: Readonly<Record<string, SqlKind>> = {
  SELECT: "read",
  VALUES: "read",
  EXPLAIN: "read",
  BEGIN: "control",
  COMMIT: "control",
  END: "control",
  ROLLBACK: "control",
  SAVEPOINT: "control",
  RELEASE: "control",
  PRAGMA: "other",
  VACUUM: "other",
  ATTACH: "other",
  DETACH: "other",
};
const verbsAfterWith = new Set(["SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"]);

/** Follows one statement word by word and knows when its semicolon ends it: a trigger has semicolons inside. */
function statementTracker() {
  let words = 0;
  let depth = 0;
  let verb = "";
  let isTrigger = false;
  let afterSemicolon = false;
  let sawEnd = false;
  const word = (text: string) => {
    const upper = text.toUpperCase();
    words++;
    if (words === 1) verb = upper;
    else if (verb === "WITH" && depth === 0 && verbsAfterWith.has(upper)) verb = upper;
    else if (words <= 3 && verb === "CREATE" && upper === "TRIGGER") isTrigger = true;
    sawEnd = afterSemicolon && upper === "END";
    afterSemicolon = false;
  };
  return {
    get verb() {
      return verb;
    },
    word,
    other(char: string) {
      if (char === "(") depth++;
      else if (char === ")") depth--;
      sawEnd = false;
      afterSemicolon = false;
    },
    /** True when this semicolon ends the statement. */
    semicolon(): boolean {
      if (!isTrigger || sawEnd) return true;
      afterSemicolon = true;
      return false;
    },
  };
}

/** Numbers parameters as SQLite does: `?` is one more than the largest so far, `?N` is N, an equal name is an equal parameter. */
function parameterNumbers() {
  const found: SqlParameter[] = [];
  const byName = new Map<string, number>();
  let count = 0;
  return {
    found,
    get count() {
      return count;
    },
    add(text: string, start: number) {
      let number = count + 1;
      if (text[0] === "?" && text.length > 1) number = Number(text.slice(1));
      else if (text.length > 1) number = byName.get(text) ?? number;
      if (text[0] !== "?") byName.set(text, number);
      count = Math.max(count, number);
      found.push({ start, end: start + text.length, index: number - 1 });
    },
  };
}

/** Describes the first statement of `sql` at or after `from`. Offsets are those of `sql`. */
export function describeSql(sql: string, from = 0): SqlInfo {
  const tracker = statementTracker();
  const numbers = parameterNumbers();
  let end = sql.length;
  let next = -1;
  for (let token = nextToken(sql, from); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind === "word") tracker.word(sql.slice(token.start, token.end));
    else if (token.kind === "parameter") numbers.add(sql.slice(token.start, token.end), token.start);
    if (token.kind !== "punctuation") {
      if (token.kind !== "word") tracker.other("");
      continue;
    }
    if (sql[token.start] !== ";") tracker.other(sql[token.start]!);
    else if (tracker.verb !== "" && tracker.semicolon()) {
      end = token.start;
      next = nextStart(sql, token.end);
      break;
    }
  }
  const verb = tracker.verb;
  return { kind: kinds[verb] ?? "write", verb, parameters: numbers.found, parameterCount: numbers.count, end, next };
}

/** Start of the next statement that is not empty; -1 if only blanks, comments and semicolons follow. */
function nextStart(sql: string, from: number): number {
  for (let token = nextToken(sql, from); token !== undefined; token = nextToken(sql, token.end)) {
    if (sql[token.start] !== ";") return token.start;
  }
  return -1;
}

/** Splits a script into its statements, without semicolons and empty pieces. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let start = nextStart(sql, 0);
  while (start !== -1) {
    const info = describeSql(sql, start);
    statements.push(sql.slice(start, info.end));
    start = info.next;
  }
  return statements;
}
