// Writes a unified diff that GNU patch and git apply.
import { type Change, diffLines } from "./myers.ts";

const contextLines = 3;
const noNewline = "\\ No newline at end of file\n";

/** Undefined text means that the file does not exist on that side. */
export interface DiffInput {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** The diff of two texts, empty when they are equal. Lines end at "\n" only, so a carriage return is part of its line. */
export function unifiedDiff({ path, before, after }: DiffInput): string {
  const oldLines = linesOf(before ?? "");
  const newLines = linesOf(after ?? "");
  const hunks = hunksOf(diffLines(oldLines, newLines));
  if (hunks.length === 0) return "";
  const head = `--- ${nameOf(before === undefined ? undefined : `a/${path}`)}\n+++ ${nameOf(after === undefined ? undefined : `b/${path}`)}\n`;
  return head + hunks.map((hunk) => writeHunk(hunk, oldLines, newLines)).join("");
}

/** Lines with their line end; the last one may have none. */
function linesOf(text: string): readonly string[] {
  return text === "" ? [] : (text.match(/[^\n]*\n|[^\n]+$/g) ?? []);
}

/** A name with blanks ends with a tab, one with stranger characters is quoted, as git does. */
function nameOf(name: string | undefined): string {
  if (name === undefined) return "/dev/null";
  if (!/["\\\n\t\r]/.test(name)) return name.includes(" ") ? `${name}\t` : name;
  const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\" };
  return `"${name.replace(/["\\\n\t\r]/g, (char) => escapes[char] as string)}"`;
}

/** Changes whose contexts touch are one hunk. */
function hunksOf(changes: readonly Change[]): readonly (readonly Change[])[] {
  const hunks: Change[][] = [];
  for (const change of changes) {
    const open = hunks.at(-1);
    const last = open?.at(-1);
    if (open !== undefined && last !== undefined && change.oldAt - last.oldEnd <= 2 * contextLines) open.push(change);
    else hunks.push([change]);
  }
  return hunks;
}

function writeHunk(changes: readonly Change[], oldLines: readonly string[], newLines: readonly string[]): string {
  const first = changes[0] as Change;
  const last = changes.at(-1) as Change;
  const lead = Math.min(contextLines, first.oldAt);
  const oldAt = first.oldAt - lead;
  const newAt = first.newAt - lead;
  const oldEnd = Math.min(oldLines.length, last.oldEnd + contextLines);
  const newEnd = last.newEnd + (oldEnd - last.oldEnd);

  let body = "";
  let at = oldAt;
  for (const change of changes) {
    body += write(" ", oldLines.slice(at, change.oldAt));
    body += write("-", oldLines.slice(change.oldAt, change.oldEnd));
    body += write("+", newLines.slice(change.newAt, change.newEnd));
    at = change.oldEnd;
  }
  body += write(" ", oldLines.slice(at, oldEnd));
  return `@@ -${range(oldAt, oldEnd)} +${range(newAt, newEnd)} @@\n${body}`;
}

function write(mark: string, lines: readonly string[]): string {
  return lines.map((line) => (line.endsWith("\n") ? mark + line : `${mark}${line}\n${noNewline}`)).join("");
}

/** Lines count from 1; an empty range names the line before it. */
function range(at: number, end: number): string {
  const count = end - at;
  if (count === 1) return `${at + 1}`;
  return `${count === 0 ? at : at + 1},${count}`;
}
