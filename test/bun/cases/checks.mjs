// What the cases share: named checks, one line each, a folder and programs that end with their case.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const folder = mkdtempSync(join(tmpdir(), "cuitty-bun-case-"));
const children = new Set();
let failures = 0;
// Nothing here takes a minute; what hangs must not hang whoever waits for this.
setTimeout(() => {
  console.log("FAIL the case takes longer than a minute");
  end(1);
}, 60_000).unref();

/** Runs a check; what it throws is its failure. */
export async function check(name, body) {
  try {
    await body();
    console.log(`ok   ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

/** Ends the case: with 1 when a check has failed. */
export function finish() {
  end(failures === 0 ? 0 : 1);
}

/** Not in `exit`: Bun 1.3 does not tell of it where a worker has ended before. */
function end(code) {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

/** Starts a program beside this one, on the same runtime; `ended` resolves with its code, signal and output. */
export function start(file, args = [], env = {}) {
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (output.text += piece));
  const ended = new Promise((resolve) => {
    child.on("close", (code, signal) => {
      children.delete(child);
      resolve({ code, signal, output: output.text });
    });
  });
  return { kill: (signal) => child.kill(signal), output: () => output.text, ended };
}

/** Waits until `look` gives something true, and gives that. */
export async function until(what, look, timeoutMs = 20_000) {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > endsAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
