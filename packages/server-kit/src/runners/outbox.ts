// The outbox: messages written in the same transaction as their cause, delivered afterwards, at least once.
import type { ModuleFile, RowInsert, SqlRow } from "@cuitty/storage/module-file";
import type { Clock } from "../clock.ts";
import type { Delivery, OutboxMessage } from "../module.ts";
import type { OpenModule } from "../modules.ts";

export interface NewMessage {
  readonly topic: string;
  /** For people and tests; nothing is deduplicated by it. */
  readonly key?: string;
  /** Stored as JSON. */
  readonly payload: unknown;
  /** Units: Unix ms. @default now */
  readonly dueAtMs?: number;
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
  /** Told of each failed try. */
  readonly onFailure?: (topic: string, error: unknown) => void;
}

const claimRows = 16;
/** A delivery that takes longer is tried again by whoever looks next. */
const claimMs = 60_000;
const maxAttempts = 12;
/** A message that was given up stays for people to look at, with its last error. */
const never = 8_640_000_000_000_000;
const firstDelayMs = 5_000;
const longestDelayMs = 6 * 3_600_000;

const claimSql = `UPDATE _outbox SET claimed_until = ?, attempts = attempts + 1 WHERE id IN (
  SELECT id FROM _outbox WHERE due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?) ORDER BY due_at, id LIMIT ${claimRows}
) RETURNING id, topic, key, payload, attempts`;

/** Delivers what is due in one module's file. Returns how many messages were delivered. */
export async function drainOutbox(module: OpenModule, options: OutboxOptions, signal: AbortSignal): Promise<number> {
  const { definition, file } = module;
  const deliveries = new Map(Object.entries(definition.deliveries ?? {}));
  if (deliveries.size === 0) return 0;
  let delivered = 0;
  while (!signal.aborted) {
    const nowMs = options.clock();
    // A look first: an idle outbox costs no write.
    const [due] = await file.all("SELECT 1 FROM _outbox WHERE due_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?) LIMIT 1", [
      nowMs,
      nowMs,
    ]);
    if (due === undefined) break;
    const messages = (await file.transact((tx) => tx.all(claimSql, [nowMs + claimMs, nowMs, nowMs]))).map(messageOf);
    const results = await Promise.all(
      messages.map((message) => deliver(message, { file, delivery: deliveries.get(message.topic), options, signal })),
    );
    delivered += results.filter(Boolean).length;
  }
  return delivered;
}

interface Attempt {
  readonly file: ModuleFile;
  readonly delivery: Delivery | undefined;
  readonly options: OutboxOptions;
  readonly signal: AbortSignal;
}

async function deliver(message: OutboxMessage, { file, delivery, options, signal }: Attempt): Promise<boolean> {
  try {
    if (delivery === undefined) throw new Error(`nothing delivers the topic ${message.topic}`);
    await delivery(message, { file, nowMs: options.clock(), signal, fetch: options.fetch });
  } catch (error) {
    // Given back at once when the kit is closing: the next start goes on with it.
    const isLast = message.attempt >= maxAttempts;
    const dueAtMs = isLast ? never : options.clock() + (signal.aborted ? 0 : delayMs(message.attempt));
    const text = String((error as { message?: unknown })?.message ?? error).slice(0, 500);
    await file.transact((tx) =>
      tx.run("UPDATE _outbox SET claimed_until = NULL, due_at = ?, last_error = ? WHERE id = ?", [dueAtMs, text, message.id]),
    );
    options.onFailure?.(message.topic, error);
    return false;
  }
  await file.transact((tx) => tx.run("DELETE FROM _outbox WHERE id = ?", [message.id]));
  return true;
}

/** 5 s, then four times as long each, at most 6 h; a quarter of it at random. */
function delayMs(attempt: number): number {
  const delay = Math.min(longestDelayMs, firstDelayMs * 4 ** (attempt - 1));
  return Math.round(delay * (0.75 + Math.random() * 0.5));
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
