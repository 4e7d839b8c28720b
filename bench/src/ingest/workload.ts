// Signed batches of 100 events, about 57 KB each: the same bytes for every server, new ids and a new key for every request.
import { createHmac, randomBytes } from "node:crypto";

/**
 * `search` is `logs` on servers that keep a full-text index of the messages; by hand with triggers, as SQLite's documentation shows it.
 * In `search by statement` the hand-written side knows that a trigger writes the index anew for each row, and fills it once a transaction.
 */
export type Mix = "logs" | "performance" | "mixed" | "search" | "search by statement";

export const EVENTS_PER_BATCH = 100;

/** One batch comes from one process, and so from one service. */
const services = 8;

export interface Batch {
  readonly body: Buffer;
  readonly signature: string;
  readonly key: string;
}

const text = "the quick brown fox jumps over the lazy dog and keeps running through the forest until the night falls ".repeat(3);

/** Three in thirty are warnings or worse. */
const levels = Array.from(
  { length: 30 },
  (_, index) => ({ 9: "warn", 19: "warn", 29: "error" })[index] ?? (index % 4 === 0 ? "debug" : "info"),
);

const makers: Readonly<Record<string, (index: number, client: number) => Record<string, unknown>>> = {
  log: (index, client) => ({
    level: levels[index % levels.length],
    message: `request ${index} processed: ${text.slice(0, 140)}`,
    module: `module-${index % 7}`,
    service: `service-${client}`,
    fields: {
      requestId: randomBytes(8).toString("hex"),
      durationMs: index * 1.5,
      route: "/api/items/:id",
      user: `user-${index % 50}`,
      note: text.slice(0, 90),
    },
  }),
  performance: (index, client) => ({
    service: `service-${client}`,
    metric: "p99_latency",
    value: index * 1.25,
    unit: "ms",
    process: text.slice(0, 40),
    labels: { region: "eu-central-1", pod: `pod-${index % 9}`, note: text.slice(0, 220) },
  }),
  repository: (index) => ({
    provider: "github",
    repo: "acme/api",
    branch: "main",
    commit: randomBytes(20).toString("hex"),
    author: `user-${index % 50}`,
    message: text.slice(0, 240),
  }),
  audit: (index) => ({
    actor: `user-${index % 50}@example.com`,
    action: "secret.rotate",
    resource: `stripe.live_key.${index % 20}`,
    method: "POST",
    path: "/api/secrets/rotate",
    statusCode: 200,
    duration: index,
    ip: "203.0.113.5",
    userAgent: text.slice(0, 120),
    metadata: { note: text.slice(0, 60) },
  }),
};

const typesOf: Readonly<Record<Mix, readonly string[]>> = {
  logs: ["log"],
  performance: ["performance"],
  mixed: ["log", "performance", "repository", "audit"],
  search: ["log"],
  "search by statement": ["log"],
};

/** Makes the batches of one client, each ready to be sent once the one before was answered: ids and times are written into the same bytes in place, so that making one costs little beside its signature. */
export function createBatchMaker(mix: Mix, secret: string, client: number): (sinceMs: number) => Batch {
  const { body, idOffsets, tsOffsets } = makeTemplate(typesOf[mix], client % services);
  const run = randomBytes(4).toString("hex");
  const stampBytes = Buffer.alloc(13);
  const tailBytes = Buffer.alloc(16);
  const isoBytes = Buffer.alloc(24);
  let isoMs = -1;
  let count = 0;

  /** `stamp` is the first half of a UUIDv7, before its version; `tail` what follows its variant. The step between them never changes. */
  function writeIds(nowMs: number): void {
    const stamp = nowMs.toString(16).padStart(12, "0");
    stampBytes.write(`${stamp.slice(0, 8)}-${stamp.slice(8)}`, "latin1");
    tailBytes.write(`${run.slice(0, 3)}-${run.slice(3, 7)}${count.toString(16).padStart(8, "0")}`, "latin1");
    for (const at of idOffsets) {
      for (let byte = 0; byte < 13; byte += 1) body[at + byte] = stampBytes[byte] as number;
      for (let byte = 0; byte < 16; byte += 1) body[at + 20 + byte] = tailBytes[byte] as number;
    }
  }

  /** A client that sends without a pause: its events lie between its last batch and this one. */
  function writeTimes(sinceMs: number, nowMs: number): void {
    for (let index = 0; index < tsOffsets.length; index += 1) {
      const ms = Math.trunc(nowMs - ((nowMs - sinceMs) * (EVENTS_PER_BATCH - index)) / EVENTS_PER_BATCH);
      if (ms !== isoMs) isoBytes.write(new Date(ms).toISOString(), "latin1");
      isoMs = ms;
      const at = tsOffsets[index] as number;
      for (let byte = 0; byte < 24; byte += 1) body[at + byte] = isoBytes[byte] as number;
    }
  }

  return (sinceMs) => {
    count += 1;
    const nowMs = Date.now();
    writeIds(nowMs);
    writeTimes(sinceMs, nowMs);
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    return { body, signature, key: `${run}-${client}-${count}` };
  };
}

interface Template {
  readonly body: Buffer;
  /** Where each event's id and time stand. */
  readonly idOffsets: readonly number[];
  readonly tsOffsets: readonly number[];
}

const idPlaceholder = "00000000-0000-7000-8000-000000000000";
const tsPlaceholder = "0000-00-00T00:00:00.000Z";

function makeTemplate(types: readonly string[], client: number): Template {
  const events = Array.from({ length: EVENTS_PER_BATCH }, (_, index) => {
    const type = types[index % types.length] as string;
    return { type, ts: tsPlaceholder, data: makers[type]?.(index, client) ?? {}, id: idPlaceholder };
  });
  const body = Buffer.from(JSON.stringify({ events }));
  const idOffsets = offsetsOf(body, idPlaceholder);
  // "7" and three digits: which event of its batch an id belongs to.
  for (const [index, at] of idOffsets.entries()) body.write(index.toString(16).padStart(3, "0"), at + 15, "latin1");
  return { body, idOffsets, tsOffsets: offsetsOf(body, tsPlaceholder) };
}

function offsetsOf(body: Buffer, text: string): readonly number[] {
  const offsets: number[] = [];
  for (let at = body.indexOf(text); at !== -1; at = body.indexOf(text, at + 1)) offsets.push(at);
  return offsets;
}
