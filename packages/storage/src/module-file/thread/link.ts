// The near side of a storage thread: one worker, its requests under way, and their answers.
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { ModuleFileStats, WriteTransaction } from "../types.ts";
import { type Bridge, createBridgeEnds, openBridge } from "./bridge.ts";
import type { ThreadData } from "./host.ts";
import { fromPlainError, type ThreadAnswer, type ThreadCall, type ThreadMessage } from "./messages.ts";
import { runOverBridge } from "./remote-transaction.ts";

export interface ThreadLink {
  /** False from when the worker has ended, whyever. */
  readonly isAlive: boolean;
  /** Names of the procedures it can run. */
  readonly procedures: ReadonlySet<string>;
  ask(call: ThreadCall, signal?: AbortSignal): Promise<unknown>;
  /** Runs `body` in this thread within a transaction of that one. */
  transact<T>(file: number, body: (tx: WriteTransaction) => T): Promise<T>;
  /** As of the last answer about the file. */
  statsOf(file: number): ModuleFileStats | undefined;
  /** Ends the worker. */
  end(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly body?: () => void;
}

export interface ThreadEntry {
  /** Path of a file that calls `hostModuleFiles` of `@cuitty/storage/module-file/thread`. */
  readonly file: string;
  /** Node's flags for the thread. @default none: the app's preloads have no business there */
  readonly execArgv?: readonly string[] | undefined;
}

/** Starts a worker. Resolves when it listens. Errors: `thread_unavailable`. */
export function startLink({ file, execArgv = [] }: ThreadEntry): Promise<ThreadLink> {
  const [near, far] = createBridgeEnds();
  const workerData: ThreadData = { cuittyStorageBridge: far };
  const options = { name: "cuitty-storage", workerData, transferList: [far.port], execArgv: [...execArgv] };
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) =>
      reject(
        new CuittyError("thread_unavailable", `the storage thread could not be started: ${String((error as Error)?.message ?? error)}`),
      );
    let worker: Worker;
    try {
      worker = new Worker(pathToFileURL(file), options);
    } catch (error) {
      // A runtime without threads, or one that may not start any.
      return refuse(error);
    }
    const refuseAndEnd = (error: unknown) => {
      void worker.terminate();
      refuse(error);
    };
    worker.once("error", refuseAndEnd);
    worker.once("exit", (code) =>
      refuseAndEnd(
        `${file} ended with code ${code} without calling hostModuleFiles; name a file that does, such as a bundle of the package's own`,
      ),
    );
    worker.once("message", (message: ThreadMessage) => {
      worker.off("error", refuseAndEnd);
      worker.off("exit", refuseAndEnd);
      worker.unref();
      resolve(createLink(worker, openBridge(near), new Set("ready" in message ? message.ready : [])));
    });
  });
}

function createLink(worker: Worker, bridge: Bridge, procedures: ReadonlySet<string>): ThreadLink {
  const pending = new Map<number, Pending>();
  const stats = new Map<number, ModuleFileStats>();
  let lastId = 0;
  let isAlive = true;
  let isSilent = false;

  function settle({ id, value, error }: ThreadAnswer): void {
    const request = pending.get(id);
    if (request === undefined) return;
    pending.delete(id);
    // The process may end while nothing is under way, and only then.
    if (pending.size === 0) worker.unref();
    if (error === undefined) request.resolve(value);
    else request.reject(fromPlainError(error));
  }

  worker.on("message", (message: ThreadMessage) => {
    if ("granted" in message) return pending.get(message.granted)?.body?.();
    if (!("answers" in message)) return;
    for (const [file, counts] of message.stats) stats.set(file, counts);
    for (const answer of message.answers) settle(answer);
  });
  // Not before it is gone with its connections: another worker may open the same files then.
  let cause: unknown;
  worker.on("error", (error) => {
    cause = error;
  });
  worker.on("exit", () => {
    isAlive = false;
    const lost = [...pending.values()];
    pending.clear();
    for (const { reject } of lost) reject(endedError(cause));
  });

  /** A thread that does not answer is ended: its late answer must not be taken for that of a later question. */
  const guarded: Bridge = {
    send: bridge.send,
    receive(timeoutMs) {
      if (isSilent) throw endedError(cause);
      try {
        return bridge.receive(timeoutMs);
      } catch (error) {
        isSilent = true;
        cause = error;
        void worker.terminate();
        throw error;
      }
    },
  };

  function send(call: ThreadCall, rest: Omit<Pending, "resolve" | "reject">): { id: number; answered: Promise<unknown> } {
    const id = ++lastId;
    const answered = new Promise<unknown>((resolve, reject) => {
      if (!isAlive) return reject(endedError(undefined));
      try {
        worker.postMessage({ ...call, id });
      } catch (error) {
        return reject(new CuittyError("invalid_parameter", `expected values that a thread can be sent: ${(error as Error).message}`));
      }
      if (pending.size === 0) worker.ref();
      pending.set(id, { resolve, reject, ...rest });
    });
    return { id, answered };
  }

  async function ask(call: ThreadCall, signal?: AbortSignal): Promise<unknown> {
    if (signal === undefined) return send(call, {}).answered;
    signal.throwIfAborted();
    const { id, answered } = send(call, {});
    const cancel = () => worker.postMessage({ op: "cancel", id });
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await answered;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  async function transact<T>(file: number, body: (tx: WriteTransaction) => T): Promise<T> {
    let outcome: { readonly value: T } | { readonly thrown: unknown } | undefined;
    const run = () => {
      try {
        outcome = { value: runOverBridge(guarded, body) };
      } catch (thrown) {
        outcome = { thrown };
      }
    };
    try {
      await send({ op: "transact", file }, { body: run }).answered;
    } catch (error) {
      throw outcome !== undefined && "thrown" in outcome ? outcome.thrown : error;
    }
    return (outcome as { readonly value: T }).value;
  }

  return {
    get isAlive() {
      return isAlive;
    },
    procedures,
    ask,
    transact,
    statsOf: (file) => stats.get(file),
    async end() {
      await worker.terminate();
    },
  };
}

function endedError(cause: unknown): CuittyError {
  const reason = cause === undefined ? "" : `: ${String((cause as Error)?.message ?? cause)}`;
  return new CuittyError("io", `the storage thread has ended${reason}; whether this was written is not known, try it again`, {
    retryable: true,
    cause,
  });
}
