// The outbox: messages written in the same transaction as their cause, delivered afterwards, at least once.
import type { RowInsert, SqlRow } from "@cuitty/storage/module-file";
import type { Clock } from "../clock.ts";
import type { OutboxMessage } from "../module.ts";
import type { OpenModule } from "../modules.ts";
import { type Attempt, claimMs, startAttempt } from "./delivery-attempt.ts";
import { settleWithin } from "./settle-within.ts";

/** A message for the module's delivery of that topic. */
export interface NewMessage {
  readonly topic: string;
  /** For people and tests; nothing is deduplicated by it. */
  readonly key?: string | undefined;
  /** Stored as JSON. */
  readonly payload: unknown;
  /** Units: Unix ms. @default now */
  readonly dueAtMs?: number | undefined;
}

/** Rows for a module's plan: the messages exist if and only if its events do. */
export function outboxRows(messages: readonly NewMessage[], nowMs: number): RowInsert {
  return {
    table: "_outbox",
    columns: ["topic", "key", "payload", "created_at", "due_at"],
    rows: messages.map(({ topic, key, payload, dueAtMs }) => [topic, key ?? null, JSON.stringify(payload), nowMs, dueAtMs ?? nowMs]),
  };
}

export interface OutboxOptions {
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  /** While deliveries are under way, what falls due is looked for this often, and at once when they are done. */
  readonly lookEveryMs: number;
  /** Told of each failed try. */
  readonly onFailure?: ((topic: string, error: unknown) => void) | undefined;
}

export interface Outbox {
  /** Delivers what is due and what falls due meanwhile, until nothing is under way. */
  drain(signal: AbortSignal): Promise<void>;
}

/** Deliveries of a module that are under way at the same time. */
const maxUnderWay = 16;

/** A claim that ends later was made before the clock was put back, by a process that was stopped: nobody delivers under it. */
const longestClaimMs = 10 * claimMs;

const isFree = "due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ? OR claimed_until > ?)";
const dueSql = `SELECT 1 FROM _outbox WHERE ${isFree} LIMIT 1`;
const claimSql = `UPDATE _outbox SET claimed_until = ?, attempts = attempts + 1 WHERE id IN (
  SELECT id FROM _outbox WHERE ${isFree} ORDER BY due_at, id LIMIT ?
) RETURNING id, topic, key, payload, attempts`;

/** The outbox of one module's file. One delivery that hangs takes one place until its claim ends; the others go on. */
export function createOutbox({ definition, file }: OpenModule, { lookEveryMs, ...options }: OutboxOptions): Outbox {
  const deliveries = new Map(Object.entries(definition.deliveries ?? {}));
  const underWay = new Set<Attempt>();

  async function claim(nowMs: number): Promise<readonly OutboxMessage[]> {
    const limit = maxUnderWay - underWay.size;
    if (limit <= 0) return [];
    // A look first: an idle outbox costs no write.
    const free = [nowMs, nowMs, nowMs + longestClaimMs];
    const [due] = await file.all(dueSql, free);
    if (due === undefined) return [];
    return (await file.transact((tx) => tx.all(claimSql, [nowMs + claimMs, ...free, limit]))).map(messageOf);
  }

  function start(message: OutboxMessage, claimedUntilMs: number, signal: AbortSignal): Promise<unknown> {
    const attempt = startAttempt(message, { ...options, file, delivery: deliveries.get(message.topic), signal, claimedUntilMs });
    underWay.add(attempt);
    return attempt.over.finally(() => underWay.delete(attempt));
  }

  async function endOutlived(nowMs: number): Promise<void> {
    const outlived = [...underWay].filter(({ claimedUntilMs }) => claimedUntilMs <= nowMs);
    for (const attempt of outlived) attempt.outlive();
    await allOver(outlived);
  }

  return {
    async drain(signal) {
      while (!signal.aborted) {
        const nowMs = options.clock();
        await endOutlived(nowMs);
        const started = (await claim(nowMs)).map((message) => start(message, nowMs + claimMs, signal));
        if (underWay.size === 0) return;
        // The new ones together: what is quick is claimed in full portions, what is slow holds up nothing for longer than a look.
        const awaited = started.length > 0 ? started : [allOver([...underWay])];
        await settleWithin(awaited, { timeoutMs: lookEveryMs, keepsAlive: false });
      }
      await allOver([...underWay]);
    },
  };
}

async function allOver(attempts: readonly Attempt[]): Promise<void> {
  await Promise.all(attempts.map(({ over }) => over));
}

function messageOf(row: SqlRow): OutboxMessage {
  const [id, topic, key, payload, attempt] = row;
  return {
    id: Number(id),
    topic: String(topic),
    key: key === null ? null : String(key),
    payload: JSON.parse(String(payload)),
    attempt: Number(attempt),
  };
}
