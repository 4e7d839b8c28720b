// The value of a sensitive key in a configuration file: quoted, in brackets, a block or bare, over as many lines as it takes.
import { REDACTED } from "../redact/secret-text.ts";

/** A file that is read line by line. */
export interface Place {
  readonly lines: readonly string[];
  /** Of a line by its index. */
  readonly brackets: (index: number) => Brackets;
  /** Index of the line that is read. */
  at: number;
}

export interface TakenValue {
  readonly text: string;
  readonly mask: string;
  /** What follows the value on the line where it ends. */
  readonly rest: string;
}

const maxBlockLines = 2_000;

/** Reads the value at `at`, over as many lines as it takes; undefined when there is nothing to hide. */
export function takeValue(place: Place, line: string, at: number, isColon: boolean): TakenValue | undefined {
  const rest = line.slice(at);
  if (rest.startsWith(REDACTED)) return undefined;
  const opening = /^(?:"""|'''|["'`])/.exec(rest)?.[0];
  if (opening !== undefined) return takeQuoted(place, rest, opening);
  if (/^[{[]/.test(rest)) return takeBracketed(place, rest);
  if (isColon && /^(?:[|>][+-]?\d*)?\s*(?:#|$)/.test(rest)) return takeBlock(place, line, rest);
  // A comment stands apart; `password=#x` has a value.
  const isComment = /^\s*#/.test(rest) && (isColon || /\s/.test(line.slice(at - 1, at + 1)));
  if (isComment || rest.trim() === "" || /^(?:true|false|null|nil|none|~)\s*(?=$|[,}\]#])/i.test(rest)) return undefined;
  // Inside of braces a bare value ends at the comma, elsewhere it may contain one.
  const isInline = isInBrackets(line, at) || /^-?[\d.]+\s*[,}\]]/.test(rest);
  const end = isInline ? rest.search(/[,}\]]|$/) : rest.length;
  const text = rest.slice(0, end);
  const carriage = text.endsWith("\r") ? "\r" : "";
  return { text, mask: REDACTED + carriage, rest: rest.slice(end) };
}

/** Whether a bracket that opens is the last one before `at`. */
function isInBrackets(line: string, at: number): boolean {
  const last = (bracket: string) => line.lastIndexOf(bracket, at - 1);
  return Math.max(last("{"), last("[")) > Math.max(last("}"), last("]"));
}

function takeQuoted(place: Place, start: string, quote: string): TakenValue {
  const { lines, at: startAt } = place;
  const mask = quote + REDACTED + quote;
  const text = [start.slice(quote.length)];
  for (;;) {
    const last = text.at(-1) as string;
    const end = closingQuote(last, quote);
    if (end >= 0) return { text: [...text.slice(0, -1), last.slice(0, end)].join("\n"), mask, rest: last.slice(end + quote.length) };
    const next = lines[place.at + 1];
    if (next === undefined || place.at - startAt >= maxBlockLines) break;
    place.at += 1;
    text.push(next);
  }
  // No end anywhere: only the first line is part of it.
  place.at = startAt;
  return { text: start, mask: quote + REDACTED, rest: "" };
}

function closingQuote(text: string, quote: string): number {
  const hasEscapes = quote !== "'" && quote !== "'''";
  let at = text.indexOf(quote);
  while (at >= 0 && hasEscapes && isEscaped(text, at, 0)) at = text.indexOf(quote, at + 1);
  return at;
}

/** Whether the character at `at` stands behind an odd number of backslashes, of which `from` is the first that counts. */
function isEscaped(text: string, at: number, from: number): boolean {
  let start = at;
  while (start > from && text[start - 1] === "\\") start -= 1;
  return (at - start) % 2 === 1;
}

function takeBracketed(place: Place, start: string): TakenValue {
  const { lines, at: startAt } = place;
  const mask = `"${REDACTED}"`;
  const first = bracketsOf(start);
  const end = closingBracket(first, 0);
  if (end >= 0) return { text: start.slice(0, end), mask, rest: start.slice(end) };
  let depth = first.sum;
  let isOdd = first.isOdd;
  for (let at = startAt + 1; at < lines.length && at - startAt <= maxBlockLines; at += 1) {
    const brackets = place.brackets(at);
    const closeAt = closingBracket(brackets, depth);
    if (closeAt >= 0) {
      const line = lines[at] as string;
      place.at = at;
      // Where a quote of a line before was left open, the bracket may stand inside of a text: what follows it may be secret.
      const rest = isOdd ? "" : line.slice(closeAt);
      return { text: [start, ...lines.slice(startAt + 1, at), line.slice(0, closeAt)].join("\n"), mask, rest };
    }
    depth += brackets.sum;
    isOdd ||= brackets.isOdd;
  }
  return { text: start, mask: REDACTED, rest: "" };
}

/** The brackets of a line that are not inside of quotes. */
export interface Brackets {
  /** Where each of them ends, and 1 for one that opens, -1 for one that closes. */
  readonly found: readonly (readonly [end: number, step: number])[];
  /** Where the depth is after the line, and at its least within it, from 0 on. */
  readonly sum: number;
  readonly least: number;
  /** A quote has no end on the line. */
  readonly isOdd: boolean;
}

/** Each line is looked through once, however many values begin before it. */
export function createBrackets(lines: readonly string[]): Place["brackets"] {
  const known: Brackets[] = [];
  return (index) => {
    known[index] ??= bracketsOf(lines[index] as string);
    return known[index];
  };
}

const quoteOrBracket = /["'{}[\]]/g;

function bracketsOf(line: string): Brackets {
  const found: [number, number][] = [];
  /** Quotes that have no end on the line: they stand for themselves. */
  let open = "";
  let sum = 0;
  let least = 0;
  quoteOrBracket.lastIndex = 0;
  for (let match = quoteOrBracket.exec(line); match !== null; match = quoteOrBracket.exec(line)) {
    const [token] = match;
    if (token === '"' || token === "'") {
      if (open.includes(token)) continue;
      const end = endOfString(line, match.index, token);
      if (end < 0) open += token;
      quoteOrBracket.lastIndex = end < 0 ? match.index + 1 : end;
      continue;
    }
    const step = token === "{" || token === "[" ? 1 : -1;
    sum += step;
    least = Math.min(least, sum);
    found.push([match.index + 1, step]);
  }
  return { found, sum, least, isOdd: open !== "" };
}

/** Index after the quote that ends the string at `at`, or -1. */
function endOfString(line: string, at: number, quote: string): number {
  let end = line.indexOf(quote, at + 1);
  while (end >= 0 && isEscaped(line, end, at + 1)) end = line.indexOf(quote, end + 1);
  return end < 0 ? -1 : end + 1;
}

/** Index after the bracket that brings the depth to nothing, or -1. */
function closingBracket({ found, least }: Brackets, before: number): number {
  if (before + least > 0) return -1;
  let depth = before;
  for (const [end, step] of found) {
    depth += step;
    if (depth === 0) return end;
  }
  return -1;
}

/** A YAML block scalar, nested map or list: the lines below that are indented more (list items may stand at the same depth). */
function takeBlock(place: Place, line: string, rest: string): TakenValue | undefined {
  const { lines, at: startAt } = place;
  const indentOf = (text: string) => /^ */.exec(text)?.[0].length ?? 0;
  const depth = indentOf(line.replace(/^(\s*)- /, "$1  "));
  let last = startAt;
  for (let at = startAt + 1; at < lines.length && at - startAt <= maxBlockLines; at += 1) {
    const next = lines[at] as string;
    if (next.trim() === "") continue;
    const isItem = /^ *- /.test(next) && indentOf(next) === depth && !/^\s*- /.test(line);
    if (indentOf(next) <= depth && !isItem) break;
    last = at;
  }
  if (last === startAt) return undefined;
  place.at = last;
  const text = lines.slice(startAt + 1, last + 1).join("\n");
  return { text, mask: `${rest.trimEnd()}\n${" ".repeat(depth + 2)}${REDACTED}`, rest: "" };
}
