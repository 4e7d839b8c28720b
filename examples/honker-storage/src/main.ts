// The command line of the job board.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Job, type JobBoard, type JobState, openJobBoard } from "./job-board.ts";

const usage = `usage:
  org   <slug> <owner e-mail>                      make an organization
  add   <org> <job> <title> [--after <job>]...     add a job, after others
  start <org> <job>    done <org> <job>    fail <org> <job>
  list  <org>                                      all jobs
  watch <org>                                      changes as they come, from any process; Ctrl-C ends it
DATA_DIR names the folder of the files (default: .data beside this example).`;

const targets: Readonly<Record<string, JobState>> = { start: "running", done: "done", fail: "failed" };

function line({ key, title, state, after, isReady }: Job): string {
  const note = isReady ? "ready" : after.length > 0 ? `after ${after.join(", ")}` : "";
  return `${state.padEnd(8)} ${key.padEnd(12)} ${title}${note === "" ? "" : ` (${note})`}`;
}

async function runCommand(jobs: JobBoard, [command = "", org = "", ...rest]: readonly string[], after: readonly string[]): Promise<void> {
  const [key = "", ...words] = rest;
  if (command === "org" && key !== "") jobs.register(org, key);
  else if (command === "add" && key !== "") await jobs.add(org, { key, title: words.join(" ") || key, after });
  else if (command in targets && key !== "") await jobs.move(org, key, targets[command]!);
  else if (command === "list" && org !== "") for (const job of await jobs.list(org)) console.log(line(job));
  else if (command === "watch" && org !== "") await watch(jobs, org);
  else throw new Error(usage);
}

async function watch(jobs: JobBoard, org: string): Promise<void> {
  const stop = new AbortController();
  // Keeps the process running: listening alone does not.
  const keepAlive = setInterval(() => {}, 60_000);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const watching = jobs.watch(org, ({ key, from, to }) => console.log(`${key}: ${from ?? "new"} -> ${to}`), stop.signal);
  console.log(`watching ${org}`);
  await watching;
  clearInterval(keepAlive);
}

const dataDir = process.env.DATA_DIR ?? join(import.meta.dirname, "..", ".data");
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
const jobs = openJobBoard(dataDir);
try {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { after: { type: "string", multiple: true } } });
  await runCommand(jobs, positionals, values.after ?? []);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await jobs.close();
}
