// Who may write to a file right now: one open asynchronous transaction, and a queue of awaited callers behind it.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../../engine/driver.ts";

/** Marks one open transaction; its own session carries it. */
export interface TransactionToken {
  isOpen: boolean;
}

export interface WriterGate {
  /** The open asynchronous transaction, if any. */
  readonly owner: TransactionToken | undefined;
  own(token: TransactionToken): void;
  /** Ends the token and starts whoever waits. */
  release(token: TransactionToken): void;
  /** Runs `body` at once when the gate is free, else in its turn. Errors: `writer_busy` after 5 s in the queue. */
  enqueue<T>(body: () => T | Promise<T>): Promise<T>;
}

/** How long an awaited writer waits for another caller's open transaction; the same as SQLite's usual wait for another process. */
const waitTimeoutMs = 5_000;

/** Gates by path: handles of one file share one connection, and so its one writer. Weak, so that closed files leave nothing behind. */
const gates = new Map<string, WeakRef<WriterGate>>();
const forgotten = new FinalizationRegistry<string>((path) => {
  if (gates.get(path)?.deref() === undefined) gates.delete(path);
});

/** Databases in memory have one path and nothing in common. */
const memoryGates = new WeakMap<Driver, WriterGate>();

/** The gate of this driver's file, shared by all database objects on it; a database in memory has its own. */
export function gateOf(driver: Driver): WriterGate {
  const isMemory = driver.path === ":memory:";
  const known = isMemory ? memoryGates.get(driver) : gates.get(driver.path)?.deref();
  if (known !== undefined) return known;
  const gate = createGate();
  if (isMemory) memoryGates.set(driver, gate);
  if (isMemory) return gate;
  gates.set(driver.path, new WeakRef(gate));
  forgotten.register(gate, driver.path);
  return gate;
}

/** For a writer that cannot wait: blocking the thread would keep the open transaction from ever ending. */
export function writerBusy(hint: string): CuittyError<"writer_busy"> {
  const text = `Expected no other open transaction on this file, got an asynchronous one that has not ended. ${hint}`;
  return new CuittyError("writer_busy", text, { retryable: true });
}

function createGate(): WriterGate {
  let owner: TransactionToken | undefined;
  const waiters: (() => void)[] = [];

  // A waiter runs here, synchronously: nobody can slip in between its turn and its first statement.
  function startWaiters(): void {
    while (owner === undefined) {
      const start = waiters.shift();
      if (start === undefined) return;
      start();
    }
  }

  function wait<T>(body: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = () => {
        clearTimeout(timer);
        try {
          resolve(body());
        } catch (error) {
          reject(error);
        }
      };
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(start), 1);
        reject(writerBusy(`Waited ${waitTimeoutMs} ms. Inside a transaction use its \`tx\`, and keep transactions short.`));
      }, waitTimeoutMs);
      waiters.push(start);
    });
  }

  return {
    get owner() {
      return owner;
    },
    own(token) {
      owner = token;
    },
    release(token) {
      token.isOpen = false;
      if (owner === token) owner = undefined;
      startWaiters();
    },
    async enqueue(body) {
      return owner === undefined ? body() : wait(body);
    },
  };
}
