// SQLite builds that take a double-quoted name which no column has for a string answer with that name, or store it. In backticks it is a name and nothing else.
import { describeSql, nextToken } from "./sql-text.ts";

/**
 * The statement with every double-quoted name in backticks; a misspelt one is an error then, on every build. As they are stay definitions whose
 * text the file keeps (see `definitionCheck`), and operands that are texts: file names of ATTACH and VACUUM INTO, arguments of a virtual table.
 * Source: "Double-quoted String Literals Are Accepted", sqlite.org/quirks.html.
 */
export function strictNames(sql: string): string {
  if (!sql.includes('"') || describeSql(sql).kind === "other") return sql;
  const definition = definitionOf(sql);
  return definition === "" || definition === "VIEW" || definition === "TRIGGER" ? inBackticks(sql) : sql;
}

/** To be run before a CREATE of a table or an index: it fails as the statement would with strict names. Undefined where nothing is to be checked. */
export function definitionCheck(sql: string): string | undefined {
  const definition = sql.includes('"') ? definitionOf(sql) : "";
  return definition === "TABLE" || definition === "INDEX" ? `EXPLAIN ${inBackticks(sql)}` : undefined;
}

/** TABLE, INDEX, VIEW, TRIGGER or VIRTUAL for a CREATE; empty for every other statement, CREATE TABLE … AS SELECT among them, whose text is not kept. */
function definitionOf(sql: string): string {
  let definition = "";
  let depth = 0;
  let isFirst = true;
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    const text = sql.slice(token.start, token.end).toUpperCase();
    if (isFirst && text !== "CREATE") return "";
    isFirst = false;
    if (definition === "" && definitions.has(text)) definition = text;
    if (text === "(") depth++;
    else if (text === ")") depth--;
    else if (definition === "TABLE" && depth === 0 && text === "AS" && token.kind === "word") return "";
  }
  return definition;
}

const definitions = new Set(["TABLE", "INDEX", "VIEW", "TRIGGER", "VIRTUAL"]);

function inBackticks(sql: string): string {
  let text = "";
  let from = 0;
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.kind !== "quoted" || sql[token.start] !== '"') continue;
    // What is not closed is SQLite's to refuse.
    if (token.end - token.start < 2 || sql[token.end - 1] !== '"') break;
    const name = sql.slice(token.start + 1, token.end - 1).replaceAll('""', '"');
    text += `${sql.slice(from, token.start)}\`${name.replaceAll("`", "``")}\``;
    from = token.end;
  }
  return text + sql.slice(from);
}
