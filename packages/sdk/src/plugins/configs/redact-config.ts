// Masks secrets in the text of a configuration file, whatever its format, before anything is compared or sent.

import { REDACTED, redactText } from "../redact/secret-text.ts";
import { type ExtraKeys, isSensitiveKey } from "../redact/sensitive-key.ts";

export interface RedactedConfig {
  readonly text: string;
  /** What was masked by key, in order: compared to tell that a secret changed, never sent. */
  readonly secrets: readonly { readonly key: string; readonly value: string }[];
}

// A key, bare or quoted, and what separates it from its value.
const pair = /(["'`]?)([A-Za-z_$][\w.$-]*)\1(\s*(?::=?|=>?)[ \t]*)/g;
const spaced = /^(\s*(?:--)?([A-Za-z_][\w-]*)[ \t]+)\S/;
const flag = /(--([A-Za-z][\w-]*)[ \t]+)([^\s-]\S*)/g;
const element = /<([A-Za-z_][\w.:-]*)([^<>]*)>([^<]+)<\/\1>/g;
const maxBlockLines = 2_000;

/**
 * Understands the pairs of .env, INI, properties, TOML, YAML (block scalars, nested maps, `name:` / `value:` entries, Kubernetes secrets), JSON, HCL and
 * XML well enough to mask values of sensitive keys, multi-line ones included, and secrets that show by their shape anywhere.
 */
export function redactConfig(source: string, extraKeys: ExtraKeys = []): RedactedConfig {
  const isSecretManifest = /^["']?kind["']?\s*:\s*["']?Secret\b/m.test(source);
  const isSensitive = (key: string) => isSensitiveKey(key, extraKeys) || (isSecretManifest && (key === "data" || key === "stringData"));
  const state: State = { lines: maskKeys(source).split("\n"), at: 0, out: [], secrets: [], isSensitive, valueUntil: -1, entry: "" };
  for (; state.at < state.lines.length; state.at += 1) state.out.push(redactLine(state));
  return { text: redactText(state.out.join("\n")), secrets: state.secrets };
}

interface State {
  readonly lines: readonly string[];
  at: number;
  readonly out: string[];
  readonly secrets: { key: string; value: string }[];
  readonly isSensitive: (key: string) => boolean;
  /** Last line where a `value` belongs to a sensitive `name`. */
  valueUntil: number;
  entry: string;
}

// Private keys span lines and contain no pairs, so they go first.
function maskKeys(source: string): string {
  return source.includes("PRIVATE KEY-----") ? redactText(source) : source;
}

function redactLine(state: State): string {
  let line = redactUnpaired(state, state.lines[state.at] as string);
  let done = "";
  let hasPair = false;
  pair.lastIndex = 0;
  for (let match = pair.exec(line); match !== null; match = pair.exec(line)) {
    hasPair = true;
    const [whole, , key = "", separator = ""] = match;
    const valueAt = match.index + whole.length;
    // `https://` is no pair.
    if (line.startsWith("//", valueAt) && separator.startsWith(":")) continue;
    if (key === "name") noteName(state, line.slice(valueAt, valueAt + 200));
    const isNamed = key === "value" && state.at <= state.valueUntil;
    if (!isNamed && !state.isSensitive(key)) continue;
    const value = takeValue(state, line, valueAt, separator.includes(":"));
    if (value === undefined) continue;
    state.secrets.push({ key: isNamed ? state.entry : key, value: value.text });
    if (isNamed) state.valueUntil = -1;
    done += line.slice(0, valueAt) + value.mask;
    // The value may have ended on a later line, whose rest is what remains to be looked at.
    line = value.rest;
    pair.lastIndex = 0;
  }
  return done + (hasPair ? line : redactSpaced(state, line));
}

/** Lists of `{ name, value }` are how containers get their environment. */
function noteName(state: State, text: string): void {
  state.entry = /^["']?([\w.-]+)/.exec(text)?.[1] ?? "";
  state.valueUntil = state.entry !== "" && state.isSensitive(state.entry) ? state.at + 3 : -1;
}

/** Masks XML elements and command line flags, which have no `=` or `:`. */
function redactUnpaired(state: State, line: string): string {
  const mask = (whole: string, key: string, value: string, masked: string) => {
    if (!state.isSensitive(key) || value === REDACTED) return whole;
    state.secrets.push({ key, value });
    return masked;
  };
  return line
    .replace(element, (whole, name: string, rest: string, value: string) =>
      mask(whole, name, value, `<${name}${rest}>${REDACTED}</${name}>`),
    )
    .replace(flag, (whole, head: string, key: string, value: string) => mask(whole, key, value, head + REDACTED));
}

/** `requirepass foobared` of files that separate by blanks. */
function redactSpaced(state: State, line: string): string {
  const [, head = "", key = ""] = spaced.exec(line) ?? [];
  if (head === "" || !state.isSensitive(key) || line.includes(REDACTED)) return line;
  state.secrets.push({ key, value: line.slice(head.length) });
  return head + REDACTED + (line.endsWith("\r") ? "\r" : "");
}

interface TakenValue {
  readonly text: string;
  readonly mask: string;
  /** What follows the value on the line where it ends. */
  readonly rest: string;
}

/** Reads the value at `at`, over as many lines as it takes; undefined when there is nothing to hide. */
function takeValue(state: State, line: string, at: number, isColon: boolean): TakenValue | undefined {
  const rest = line.slice(at);
  if (rest.startsWith(REDACTED)) return undefined;
  const opening = /^(?:"""|'''|["'`])/.exec(rest)?.[0];
  if (opening !== undefined) return takeQuoted(state, rest, opening);
  if (/^[{[]/.test(rest)) return takeBracketed(state, rest);
  if (isColon && /^(?:[|>][+-]?\d*)?\s*(?:#.*)?$/.test(rest)) return takeBlock(state, line, rest);
  if (/^\s*(?:#.*)?$/.test(rest) || /^(?:true|false|null|nil|none|~)\s*(?=$|[,}\]#])/i.test(rest)) return undefined;
  // Inside of braces a bare value ends at the comma, elsewhere it may contain one.
  const isInline = /[{[][^}\]]*$/.test(line.slice(0, at)) || /^-?[\d.]+\s*[,}\]]/.test(rest);
  const end = isInline ? rest.search(/[,}\]]|$/) : rest.length;
  const text = rest.slice(0, end);
  const carriage = text.endsWith("\r") ? "\r" : "";
  return { text, mask: REDACTED + carriage, rest: rest.slice(end) };
}

function takeQuoted(state: State, start: string, quote: string): TakenValue {
  let text = start.slice(quote.length);
  const startAt = state.at;
  for (;;) {
    const end = closingQuote(text, quote);
    if (end >= 0) return { text: text.slice(0, end), mask: quote + REDACTED + quote, rest: text.slice(end + quote.length) };
    const next = state.lines[state.at + 1];
    if (next === undefined || state.at - startAt >= maxBlockLines) break;
    state.at += 1;
    text += `\n${next}`;
  }
  // No end anywhere: only the first line is part of it.
  state.at = startAt;
  return { text: start, mask: quote + REDACTED, rest: "" };
}

function closingQuote(text: string, quote: string): number {
  let at = 0;
  for (;;) {
    at = text.indexOf(quote, at);
    if (at < 0) return -1;
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes += 1;
    if (quote === "'" || quote === "'''" || backslashes % 2 === 0) return at;
    at += 1;
  }
}

function takeBracketed(state: State, start: string): TakenValue {
  let text = start;
  const startAt = state.at;
  for (;;) {
    const end = closingBracket(text);
    if (end >= 0) return { text: text.slice(0, end), mask: `"${REDACTED}"`, rest: text.slice(end) };
    const next = state.lines[state.at + 1];
    if (next === undefined || state.at - startAt >= maxBlockLines) break;
    state.at += 1;
    text += `\n${next}`;
  }
  state.at = startAt;
  return { text: start, mask: REDACTED, rest: "" };
}

const stringOrBracket = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|[{}[\]]/g;

/** Index after the bracket that closes the first one, or -1. */
function closingBracket(text: string): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(stringOrBracket)) {
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    if (depth === 0) return index + 1;
  }
  return -1;
}

/** A YAML block scalar, nested map or list: the lines below that are indented more (list items may stand at the same depth). */
function takeBlock(state: State, line: string, rest: string): TakenValue | undefined {
  const indentOf = (text: string) => /^ */.exec(text)?.[0].length ?? 0;
  const depth = indentOf(line.replace(/^(\s*)- /, "$1  "));
  const startAt = state.at;
  let last = startAt;
  for (let at = startAt + 1; at < state.lines.length && at - startAt <= maxBlockLines; at += 1) {
    const next = state.lines[at] as string;
    if (next.trim() === "") continue;
    const isItem = /^ *- /.test(next) && indentOf(next) === depth && !/^\s*- /.test(line);
    if (indentOf(next) <= depth && !isItem) break;
    last = at;
  }
  if (last === startAt) return undefined;
  state.at = last;
  const text = state.lines.slice(startAt + 1, last + 1).join("\n");
  return { text, mask: `${rest.trimEnd()}\n${" ".repeat(depth + 2)}${REDACTED}`, rest: "" };
}
