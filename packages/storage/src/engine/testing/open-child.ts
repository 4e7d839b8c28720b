// Test tool: another process with an open client that runs commands sent over IPC.
import { fork } from "node:child_process";
import { open } from "../open.ts";

interface Command {
  readonly run: string;
}

if (process.send !== undefined && process.argv[2] === "client") {
  const client = open(process.argv[3] as string, { engine: process.argv[4] as "honker" });
  process.on("message", ({ run }: Command) => {
    const result = new Function("client", `return ${run}`)(client) as unknown;
    process.send?.({ result: result ?? null, at: Number(process.hrtime.bigint() / 1_000n) });
  });
  process.send({ result: "ready" });
}

export interface RemoteClient {
  /** Evaluates an expression over `client`; resolves with its value and the time after it (monotonic µs, one clock for all processes). */
  run(expression: string): Promise<{ result: unknown; at: number }>;
  end(): Promise<void>;
}

/** Starts the process on a file. */
export async function startClient(path: string, engine: string): Promise<RemoteClient> {
  const child = fork(import.meta.filename, ["client", path, engine], { execArgv: ["--conditions=@cuitty/source", "--import", "tsx"] });
  const answer = () => new Promise<{ result: unknown; at: number }>((done) => child.once("message", (message) => done(message as never)));
  await answer();
  return {
    run(expression) {
      const reply = answer();
      child.send({ run: expression });
      return reply;
    },
    end() {
      const ended = new Promise<void>((done) => child.once("close", () => done()));
      child.kill("SIGKILL");
      return ended;
    },
  };
}
