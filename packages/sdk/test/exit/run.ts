// Starts child.ts and tells how it ended.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("child.ts", import.meta.url));
/** Events that a child emits unless told otherwise. */
export const count = 50;

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(orders: object, env: NodeJS.ProcessEnv = {}): { readonly process: ChildProcess; readonly ended: Promise<End> } {
  const args = ["--conditions=@cuitty/source", "--import", "tsx", child, JSON.stringify({ count, ...orders })];
  const started = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let stdout = "";
  let stderr = "";
  started.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  started.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<End>((resolve) => started.on("close", (code, signal) => resolve({ code, signal, stdout, stderr })));
  return { process: started, ended };
}

export async function run(orders: { end: string; [name: string]: unknown }, env?: NodeJS.ProcessEnv): Promise<End> {
  const { process: started, ended } = start(orders, env);
  if (orders.end === "wait") {
    await new Promise<void>((resolve) => started.stdout?.on("data", (chunk) => String(chunk).includes("ready") && resolve()));
    started.kill("SIGKILL");
  }
  return ended;
}

/** What the child says last. */
export const lastLine = (end: End): { ms: number; stats: { pending: number; dropped: number } } =>
  JSON.parse(end.stdout.trim().split("\n").at(-1) ?? "");
