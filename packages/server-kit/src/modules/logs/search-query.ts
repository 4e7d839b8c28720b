// What a person types into a search box, as an FTS5 expression and conditions: every word is quoted, so nothing typed is ever syntax of the index.
import { CuittyError } from "@cuitty/wire-protocol";
import type { SqlCondition } from "../shared/list-events.ts";
import { equalLevel, minLevel } from "./level-conditions.ts";

export interface SearchQuery {
  /** FTS5 expression over the project and the messages. */
  readonly match: string;
  readonly conditions: readonly SqlCondition[];
}

const maxTerms = 32;
const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A term: an optional minus, then a quoted phrase or a word. */
const termPattern = /(-?)(?:"([^"]*)"?|(\S+))/g;

/**
 * `word`, `"exact phrase"`, `begin*`, `-without`, and `level:warn`, `level>=warn`, `service:api`, `module:cart`, `trace:abc`, `field.requestId=abc`,
 * `since:24h`; all of them must hold. Errors: `invalid_request` for too many terms or a value that cannot be meant.
 */
export function parseSearch(text: string, scope: { readonly projectId: string; readonly nowMs: number }): SearchQuery {
  // NUL would end the expression for SQLite, inside a quote.
  const terms = [...text.replaceAll("\0", " ").matchAll(termPattern)];
  if (terms.length > maxTerms) throw new CuittyError("invalid_request", `q: expected at most ${maxTerms} terms`);
  const wanted: string[] = [];
  const unwanted: string[] = [];
  const conditions: SqlCondition[] = [];
  for (const [, minus, phrase, word] of terms) {
    const condition = word === undefined || minus !== "" ? null : conditionOf(word, scope.nowMs);
    if (condition !== null) conditions.push(condition);
    else (minus === "" ? wanted : unwanted).push(...phraseOf(phrase ?? word ?? "", phrase === undefined));
  }
  const all = [`project : ${quote(projectWord(scope.projectId))}`, ...wanted.map((term) => `message : ${term}`)].join(" AND ");
  return { match: unwanted.reduce((expression, term) => `(${expression}) NOT (message : ${term})`, all), conditions };
}

/** A project as the index has it: one word, whatever its id is made of. */
const projectWord = (projectId: string): string => Buffer.from(projectId).toString("hex");

const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** Text without a letter or digit has no place in the index and so no say. */
function phraseOf(text: string, mayBePrefix: boolean): string[] {
  if (!/[\p{L}\p{N}]/u.test(text)) return [];
  return [mayBePrefix && text.endsWith("*") ? `${quote(text.slice(0, -1))} *` : quote(text)];
}

function conditionOf(word: string, nowMs: number): SqlCondition | null {
  const [, key = "", operator = "", value = ""] = /^(level|service|module|trace|since|field\.[^=:]+)(:|>=|=)(.+)$/.exec(word) ?? [];
  if (key === "level" && operator === ">=") return minLevel(value.toLowerCase());
  if (key === "level" && operator === ":") return equalLevel(value);
  if (key === "since" && operator === ":") return sinceCondition(value, nowMs);
  if ((key === "service" || key === "module") && operator === ":") return { sql: `e.${key} = ?`, params: [value] };
  if (key === "trace" && operator === ":") return { sql: "e.trace_id = ?", params: [value] };
  if (key.startsWith("field.") && operator === "=") {
    return {
      sql: "EXISTS (SELECT 1 FROM json_each(e.data, '$.fields') AS f WHERE f.key = ? AND CAST(f.value AS TEXT) = ?)",
      params: [key.slice("field.".length), value],
    };
  }
  return null;
}

function sinceCondition(value: string, nowMs: number): SqlCondition {
  const [, count, unit = ""] = /^(\d{1,5})([mhd])$/.exec(value) ?? [];
  if (count === undefined) throw new CuittyError("invalid_request", "q: expected since: with minutes, hours or days, such as since:24h");
  return { sql: "e.ts_ms >= ?", params: [nowMs - Number(count) * (units[unit] as number)] };
}
