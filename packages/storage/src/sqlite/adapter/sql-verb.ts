// Tells reading statements from writing ones by their main verb, skipping comments, strings and leading common table expressions.

const writers = new Set(["insert", "update", "delete", "replace"]);

/** True when `sql` can only read: SELECT or VALUES, also behind WITH. Anything unknown counts as a writer. */
export function isReadOnlySql(sql: string): boolean {
  let depth = 0;
  let first: string | undefined;
  for (const token of topLevelTokens(sql)) {
    if (token === "(") depth++;
    else if (token === ")") depth--;
    else if (depth === 0) {
      first ??= token;
      if (first !== "with") return first === "select" || first === "values";
      if (token === "select" || token === "values") return true;
      if (writers.has(token)) return false;
    }
  }
  return false;
}

const tokenPattern = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[A-Za-z_][\w$]*|[()]/g;

function* topLevelTokens(sql: string): Generator<string> {
  for (const match of sql.matchAll(tokenPattern)) {
    const text = match[0];
    if (text === "(" || text === ")") yield text;
    else if (/^[A-Za-z_]/.test(text)) yield text.toLowerCase();
  }
}
