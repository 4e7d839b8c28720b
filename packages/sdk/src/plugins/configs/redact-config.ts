// Masks secrets in the text of a configuration file, whatever its format, before anything is compared or sent.

import { REDACTED, redactText } from "../redact/secret-text.ts";
import { type ExtraKeys, isSensitiveKey } from "../redact/sensitive-key.ts";
import { createBrackets, type Place, takeValue } from "./secret-value.ts";

export interface RedactedConfig {
  readonly text: string;
  /** What was masked by key, in order: compared to tell that a secret changed, never sent. */
  readonly secrets: readonly { readonly key: string; readonly value: string }[];
}

// Files may have lines of a megabyte, such as a certificate in base64: a name begins where none of its characters stands in front, and none is given back
// to look for its end earlier, so that the time is in proportion to the length.
// A key, bare or quoted, and what separates it from its value.
const pair = /(["'`]?)(?<![\w.$-])[\d.-]*([A-Za-z_$][\w.$-]*)\1(\s*(?::=?|=>?)[ \t]*)/g;
const spaced = /^(\s*(?:--)?([A-Za-z_][\w-]*)[ \t]+)\S/;
const flag = /(?<![\w-])(?=[\w-]+[ \t]+[^\s-])([\w-]*?--([A-Za-z][\w-]*)[ \t]+)([^\s-]\S*)/g;
const element = /<([A-Za-z_][\w.:-]*)(?![\w.:-])([^<>]*)>([^<]+)<\/\1>/g;

/**
 * Understands the pairs of .env, INI, properties, TOML, YAML (block scalars, nested maps, `name:` / `value:` entries, Kubernetes secrets), JSON, HCL and
 * XML well enough to mask values of sensitive keys, multi-line ones included, and secrets that show by their shape anywhere.
 */
export function redactConfig(source: string, extraKeys: ExtraKeys = []): RedactedConfig {
  const isSecretManifest = /^["']?kind["']?\s*:\s*["']?Secret\b/m.test(source);
  const isSensitive = (key: string) => isSensitiveKey(key, extraKeys) || (isSecretManifest && (key === "data" || key === "stringData"));
  const lines = maskKeys(source).split("\n");
  const state: State = { lines, brackets: createBrackets(lines), at: 0, out: [], secrets: [], isSensitive, valueUntil: -1, entry: "" };
  for (; state.at < state.lines.length; state.at += 1) state.out.push(redactLine(state));
  return { text: redactText(state.out.join("\n")), secrets: state.secrets };
}

interface State extends Place {
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
