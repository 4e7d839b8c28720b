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

/** What may be typed, for the documentation of routes. */
export const searchHelp =
  'All of these must hold: words, "exact phrases", begin*, level:error, level>=warn, service:api, module:cart, trace:abc, field.name=value, since:24h; ' +
  'values with spaces in quotes (service:"my api"), and a minus before what must not hold (-retry, -level:debug). Newest received first.';

/** A term: an optional minus, then a condition, a quoted phrase or a word. A quote that nobody closes goes to the end. */
const termPattern =
  /(?<minus>-?)(?:(?<name>level|service|module|trace|since|field\.[^\s=:]*[^\s=:>])(?<operator>>=|[:=])(?:"(?<quoted>[^"]*)"?|(?<value>\S+))|"(?<phrase>[^"]*)"?|(?<word>\S+))/gi;

/**
 * `word`, `"exact phrase"`, `begin*`, and `level:warn`, `level>=warn`, `service:api`, `module:"my cart"`, `trace:abc`, `field.requestId=abc`, `since:24h`:
 * all of them must hold, but not those after a minus. Names count in any case, `=` is `:`.
 * Errors: `invalid_request` for too many terms or what cannot be meant.
 */
export function parseSearch(text: string, scope: { readonly projectId: string; readonly nowMs: number }): SearchQuery {
  // NUL would end the expression for SQLite, inside a quote.
  const terms = [...text.replaceAll("\0", " ").matchAll(termPattern)];
  if (terms.length > maxTerms) throw new CuittyError("invalid_request", `q: expected at most ${maxTerms} terms`);
  const wanted: string[] = [];
  const unwanted: string[] = [];
  const conditions: SqlCondition[] = [];
  for (const { groups: term = {} } of terms) {
    const { minus, name, operator = "", quoted, value, phrase, word } = term;
    if (name !== undefined) {
      const condition = conditionOf(name, operator, { value: quoted ?? value ?? "", nowMs: scope.nowMs });
      conditions.push(minus === "" ? condition : negated(condition));
    } else (minus === "" ? wanted : unwanted).push(...phraseOf(phrase ?? word ?? "", phrase === undefined));
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

/** Holds also where there is nothing to compare: a record without a service is not one of this service. */
const negated = ({ sql, params }: SqlCondition): SqlCondition => ({ sql: `(${sql}) IS NOT TRUE`, params });

function conditionOf(name: string, operator: string, { value, nowMs }: { readonly value: string; readonly nowMs: number }): SqlCondition {
  const key = name.toLowerCase();
  if (operator === ">=") {
    if (key === "level") return minLevel("q: level>=", value.toLowerCase());
    throw new CuittyError("invalid_request", "q: expected >= after level only; use : or =, or put text with >= in quotes");
  }
  if (key === "level") return equalLevel(value);
  if (key === "since") return sinceCondition(value, nowMs);
  // What follows is the sender's own spelling.
  if (key.startsWith("field.")) return fieldCondition(name.slice("field.".length), value);
  return { sql: `e.${columns[key as keyof typeof columns]} = ?`, params: [value] };
}

const columns = { service: "service", module: "module", trace: "trace_id" } as const;

const jsonNumber = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** A value is that of its text; `true`, `false`, `null` and numbers are those of JSON, too. */
function fieldCondition(key: string, value: string): SqlCondition {
  return {
    // For SQLite true is 1 and null is nothing. JSON that was damaged in the file would end the search.
    sql: `EXISTS (SELECT 1 FROM json_each(iif(json_valid(e.data), e.data, '{}'), '$.fields') AS f WHERE f.key = ? AND
      CASE WHEN f.type IN ('true', 'false', 'null') THEN f.type = ? WHEN f.type IN ('integer', 'real') THEN f.value = ? ELSE f.value = ? END)`,
    params: [key, value, jsonNumber.test(value) ? Number(value) : null, value],
  };
}

function sinceCondition(value: string, nowMs: number): SqlCondition {
  const [, count, unit = ""] = /^(\d{1,5})([mhd])$/.exec(value) ?? [];
  if (count === undefined) throw new CuittyError("invalid_request", "q: expected since: with minutes, hours or days, such as since:24h");
  return { sql: "e.ts_ms >= ?", params: [nowMs - Number(count) * (units[unit] as number)] };
}
