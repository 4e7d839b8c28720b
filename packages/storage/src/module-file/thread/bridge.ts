// Two threads that take turns and wait for each other: one runs the body of a transaction, the other its statements.
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** One end as it travels to its thread. */
export interface BridgeEnd {
  readonly port: MessagePort;
  /** How many messages each end was sent, so that a wait never misses one. */
  readonly sent: Int32Array;
  /** Which of the two counts is this end's. */
  readonly side: 0 | 1;
}

export interface Bridge {
  send(message: unknown): void;
  /** Blocks the thread until a message is there. Errors: `io` after `timeoutMs`. */
  receive(timeoutMs?: number): unknown;
}

/** Both ends; one is to be sent to the other thread, its port in the transfer list. */
export function createBridgeEnds(): readonly [BridgeEnd, BridgeEnd] {
  // A port keeps its process running from when it is listened on; these never are.
  const { port1, port2 } = new MessageChannel();
  const sent = new Int32Array(new SharedArrayBuffer(8));
  return [
    { port: port1, sent, side: 0 },
    { port: port2, sent, side: 1 },
  ];
}

export function openBridge({ port, sent, side }: BridgeEnd): Bridge {
  return {
    send(message) {
      port.postMessage(message);
      Atomics.add(sent, 1 - side, 1);
      Atomics.notify(sent, 1 - side);
    },
    receive(timeoutMs = Number.POSITIVE_INFINITY) {
      for (;;) {
        // Read before the look: a message that comes in between has changed it, and the wait is over at once.
        const seen = Atomics.load(sent, side);
        const received = receiveMessageOnPort(port);
        if (received !== undefined) return received.message;
        if (Atomics.wait(sent, side, seen, timeoutMs) === "timed-out") {
          throw new CuittyError("io", `the storage thread has not answered for ${timeoutMs} ms`, { retryable: true });
        }
      }
    },
  };
}
