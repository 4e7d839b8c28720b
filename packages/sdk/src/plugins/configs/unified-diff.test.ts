// Unified diffs are applied by GNU patch and git where present, and by a small applier always.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { diffLines } from "./myers.ts";
import { unifiedDiff } from "./unified-diff.ts";

const folder = mkdtempSync(join(tmpdir(), "cuitty-diff-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
// With CUITTY_REQUIRE=all a missing program is a failure.
const isPresent = (name: string) => process.env.CUITTY_REQUIRE === "all" || spawnSync(name, ["--version"]).status === 0;
const hasPatch = isPresent("patch");
const hasGit = isPresent("git");

/** Applies a unified diff strictly: every context and removed line must be where the hunk says. */
function apply(before: string, diff: string): string {
  const source = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const out: string[] = [];
  let at = 0;
  let mark = " ";

  function startHunk(first: string, count: string | undefined): void {
    const start = count === "0" ? Number(first) : Number(first) - 1;
    out.push(...source.slice(at, start));
    at = start;
  }

  function endWithoutNewline(): void {
    if (mark !== "-") out.push((out.pop() as string).slice(0, -1));
    if (mark !== "+" && source[at - 1]?.endsWith("\n")) throw new Error("a newline that should be missing");
  }

  function takeLine(line: string): void {
    mark = line[0] as string;
    const text = line.slice(1);
    if (mark !== "+" && source[at++]?.replace(/\n$/, "") !== text.replace(/\n$/, "")) throw new Error(`context differs at line ${at}`);
    if (mark !== "-") out.push(text);
  }

  for (const line of (diff.match(/[^\n]*\n/g) ?? []).slice(2)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+/.exec(line);
    if (hunk !== null) startHunk(hunk[1] as string, hunk[2]);
    else if (line.startsWith("\\")) endWithoutNewline();
    else takeLine(line);
  }
  return out.join("") + source.slice(at).join("");
}

const texts = () =>
  fc
    .array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom("a", "b", "", "key: 1", "-x", "+y", "\\ z", "@@ -1 +1 @@") }, fc.string()), {
      maxLength: 40,
    })
    .chain((lines) =>
      fc.boolean().map((isEnded) => lines.map((line) => line.replaceAll("\n", "")).join("\n") + (isEnded && lines.length > 0 ? "\n" : "")),
    );

test("the diff of two texts makes one of the other", () => {
  fc.assert(
    fc.property(texts(), texts(), (before, after) => {
      const diff = unifiedDiff({ path: "f", before, after });
      expect(diff === "").toBe(before === after);
      if (diff !== "") expect(apply(before, diff)).toBe(after);
    }),
    { numRuns: 3_000 },
  );
});

test("no shorter list of edits exists", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const edits = diffLines(before, after).reduce((sum, change) => sum + change.oldEnd - change.oldAt + change.newEnd - change.newAt, 0);
      expect(edits).toBe(before.length + after.length - 2 * longestCommon(before, after));
    }),
    { numRuns: 2_000 },
  );
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  const row = new Array<number>(b.length + 1).fill(0);
  for (const left of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j += 1) {
      const above = row[j] as number;
      row[j] = left === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1] as number);
      diagonal = above;
    }
  }
  return row[b.length] as number;
}

test("the documented example is written as documented", () => {
  expect(unifiedDiff({ path: "config/production.toml", before: "foo=1\n", after: "foo=2\n" })).toBe(
    "--- a/config/production.toml\n+++ b/config/production.toml\n@@ -1 +1 @@\n-foo=1\n+foo=2\n",
  );
});

const cases: readonly (readonly [name: string, before: string | undefined, after: string | undefined])[] = [
  ["a changed line in the middle", numbered(50), numbered(50).replace("line 25\n", "LINE\n")],
  ["two far changes", numbered(50), numbered(50).replace("line 5\n", "").replace("line 40\n", "x\ny\n")],
  ["a file without a last newline", "a\nb", "a\nb\nc"],
  ["a newline that is added", "a\nb", "a\nb\n"],
  ["a newline that is removed", "a\nb\n", "a\nb"],
  ["carriage returns", "a\r\nb\r\n", "a\r\nc\r\n"],
  ["lines that look like a diff", "--- a\n+++ b\n@@ -1 +1 @@\n", "--- a\n+++ c\n@@ -1 +1 @@\n\\ No newline at end of file\n"],
  ["a new file", undefined, "a\nb\n"],
  ["a deleted file", "a\nb\n", undefined],
  ["an emptied file", "a\nb\n", ""],
  ["a filled file", "", "a\n"],
  ["a rewritten large file", numbered(4_000), numbered(4_000).replaceAll("line", "row")],
];

function numbered(count: number): string {
  return Array.from({ length: count }, (_, index) => `line ${index}\n`).join("");
}

describe.each(cases)("%s", (_name, before, after) => {
  const diff = unifiedDiff({ path: "some file.conf", before, after });

  test("is applied by the applier", () => expect(apply(before ?? "", diff)).toBe(after ?? ""));

  test.runIf(hasPatch)("is applied by patch", () => {
    const path = join(folder, "some file.conf");
    rmSync(path, { force: true });
    if (before !== undefined) writeFileSync(path, before);
    const run = spawnSync("patch", ["-p1", "--binary", "--fuzz=0", "-d", folder], { input: diff, encoding: "utf8" });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    // Patch removes a file that becomes empty, unless told otherwise.
    if (after !== undefined && after !== "") expect(readFileSync(path, "utf8")).toBe(after);
  });

  test.runIf(hasGit)("is accepted by git apply", () => {
    const path = join(folder, "some file.conf");
    rmSync(path, { force: true });
    if (before !== undefined) writeFileSync(path, before);
    const run = spawnSync("git", ["apply", "--check", "-"], { cwd: folder, input: diff, encoding: "utf8" });
    expect(run.status, run.stderr).toBe(0);
  });
});

test("thousands of differences end in time and memory", () => {
  const before = Array.from({ length: 20_000 }, (_, index) => `a${index}`);
  const after = Array.from({ length: 20_000 }, (_, index) => `b${index}`);
  const startedAt = performance.now();
  expect(diffLines(before, after)).toEqual([{ oldAt: 0, oldEnd: 20_000, newAt: 0, newEnd: 20_000 }]);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
