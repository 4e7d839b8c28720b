// One try to deliver a message of the outbox. It is over with its claim at the latest, whatever the delivery does.
import type { ModuleFile } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import type { Clock } from "../clock.ts";
import type { Delivery, OutboxMessage } from "../module.ts";

export interface AttemptOptions {
  readonly file: ModuleFile;
  /** Undefined where the module has none for the topic. */
  readonly delivery: Delivery | undefined;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** Aborts when the kit closes. */
  readonly signal: AbortSignal;
  readonly claimedUntilMs: number;
  /** Told of a failure, unless the kit is closing. */
  readonly onFailure?: ((topic: string, error: unknown) => void) | undefined;
}

export interface Attempt {
  readonly claimedUntilMs: number;
  /** Resolves when the message is delivered or put back. */
  readonly over: Promise<void>;
  /** Its claim has ended: it counts as failed and its signal aborts. A delivery that succeeds all the same takes the message away. */
  outlive(): void;
}

/** A delivery that takes longer has failed and is tried again. */
export const claimMs = 60_000;
const maxAttempts = 12;
/** A message that was given up stays for people to look at, with its last error; the newest of a module do. */
const never = 8_640_000_000_000_000;
const maxGivenUp = 10_000;
const forgetSql = `DELETE FROM _outbox WHERE id IN (
  SELECT id FROM _outbox WHERE due_at = ${never} ORDER BY id DESC LIMIT -1 OFFSET ${maxGivenUp}
)`;
const firstDelayMs = 5_000;
const longestDelayMs = 6 * 3_600_000;

export function startAttempt(message: OutboxMessage, options: AttemptOptions): Attempt {
  const { file, delivery, clock, fetch, signal, claimedUntilMs, onFailure } = options;
  const controller = new AbortController();
  const stop = () => controller.abort(signal.reason);
  const outlived = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => signal.aborted || reject(controller.signal.reason), { once: true });
  });

  async function deliver(): Promise<void> {
    if (delivery === undefined) throw new Error(`nothing delivers the topic ${message.topic}`);
    await delivery(message, { file, nowMs: clock(), signal: controller.signal, fetch });
    await file.transact((tx) => tx.run("DELETE FROM _outbox WHERE id = ?", [message.id]));
  }

  function tell(error: unknown): void {
    if (!signal.aborted) onFailure?.(message.topic, error);
  }

  async function putBack(error: unknown): Promise<void> {
    const isLast = message.attempt >= maxAttempts;
    // At once when the kit is closing: the next start goes on with it.
    const dueAtMs = isLast ? never : clock() + (signal.aborted ? 0 : delayMs(message.attempt));
    const text = String((error as { message?: unknown })?.message ?? error).slice(0, 500);
    // By the attempt, too: after the claim the message may be another one's.
    const sql = "UPDATE _outbox SET claimed_until = NULL, due_at = ?, last_error = ? WHERE id = ? AND attempts = ?";
    try {
      await file.transact((tx) => {
        tx.run(sql, [dueAtMs, text, message.id, message.attempt]);
        if (isLast) tx.run(forgetSql);
      });
    } finally {
      tell(error);
    }
  }

  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const over = Promise.race([deliver(), outlived])
    .catch(putBack)
    // Not put back, its claim ends by itself; a file that the kit has closed meanwhile is no fault.
    .catch(tell)
    .finally(() => signal.removeEventListener("abort", stop));
  return {
    claimedUntilMs,
    over,
    outlive() {
      const text = `Expected the delivery to be done within ${claimMs / 1_000} s; let it end when its signal aborts`;
      controller.abort(new CuittyError("delivery_timeout", text, { retryable: true }));
    },
  };
}

/** 5 s, then four times as long each, at most 6 h; a quarter of it at random. */
function delayMs(attempt: number): number {
  const delay = Math.min(longestDelayMs, firstDelayMs * 4 ** (attempt - 1));
  return Math.round(delay * (0.75 + Math.random() * 0.5));
}
