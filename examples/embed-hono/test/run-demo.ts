// Starts the demo as a person would, in a process of its own, and ends it by its id.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const exampleDir = fileURLToPath(new URL("..", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface Running {
  readonly url: string;
  /** Everything printed so far. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

function spawnDemo(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", "src/main.ts", ...args], {
    cwd: exampleDir,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function collect(child: ChildProcess): { readonly finished: Promise<Finished>; readonly text: { output: string; errors: string } } {
  const text = { output: "", errors: "" };
  child.stdout?.on("data", (chunk: Buffer) => (text.output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text.errors += chunk.toString()));
  const finished = new Promise<Finished>((resolve) => child.once("close", (code) => resolve({ code, ...text })));
  return { finished, text };
}

/** Runs the demo to its end. */
export function runDemo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return collect(spawnDemo(args, env)).finished;
}

/** Starts the demo as a server and waits until it has said where it listens and printed the curl command. Errors: rejects with what it printed when it ends instead. */
export async function startDemo(env: Readonly<Record<string, string>>): Promise<Running> {
  const child = spawnDemo([], { PORT: "0", ...env });
  const { finished, text } = collect(child);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", () => {
      const found = /http:\/\/localhost:\d+/.exec(text.output);
      if (found && text.output.includes('-d "$BODY"\n')) resolve(found[0]);
    });
    finished.then(({ output, errors }) => reject(new Error(`the demo ended: ${output}${errors}`)));
  });
  return {
    url,
    output: () => text.output,
    stop(signal = "SIGINT") {
      child.kill(signal);
      return finished;
    },
  };
}
