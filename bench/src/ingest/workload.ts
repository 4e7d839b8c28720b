// Signed batches of 100 events, about 57 KB each: the same bytes for every server, new ids and a new key for every request.
import { createHmac, randomBytes } from "node:crypto";

/**
 * `search` is `logs` on servers that keep a full-text index of the messages; by hand with triggers, as SQLite's documentation shows it.
 * In `search by statement` the hand-written side knows that a trigger writes the index anew for each row, and fills it once a transaction.
 */
export type Mix = "logs" | "performance" | "mixed" | "search" | "search by statement";

export const EVENTS_PER_BATCH = 100;

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

/** One batch comes from one process, and so from one service; there are eight of them. */
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

/** Makes the batch of a client that sent its last one at `sinceMs`, from a few templates: ids and times are written into the bytes in place, so that making one costs little beside its signature. */
export function createBatchMaker(mix: Mix, secret: string): (sinceMs: number) => Batch {
  const templates = Array.from({ length: 8 }, (_, client) => makeTemplate(typesOf[mix], client));
  const run = randomBytes(4).toString("hex");
  let count = 0;
  return (sinceMs) => {
    const template = templates[count % templates.length] as Template;
    count += 1;
    const nowMs = Date.now();
    const stamp = nowMs.toString(16).padStart(12, "0");
    const serial = count.toString(16).padStart(8, "0");
    for (let index = 0; index < template.idOffsets.length; index += 1) {
      const step = index.toString(16).padStart(3, "0");
      const id = `${stamp.slice(0, 8)}-${stamp.slice(8)}-7${step}-8${run.slice(0, 3)}-${run.slice(3, 7)}${serial}`;
      template.body.write(id, template.idOffsets[index] as number, "latin1");
      // A client that sends without a pause: its events lie between its last batch and this one.
      const ts = new Date(nowMs - ((nowMs - sinceMs) * (EVENTS_PER_BATCH - index)) / EVENTS_PER_BATCH).toISOString();
      template.body.write(ts, template.tsOffsets[index] as number, "latin1");
    }
    const signature = createHmac("sha256", secret).update(template.body).digest("hex");
    return { body: template.body, signature, key: `${run}-${process.pid}-${serial}` };
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
  return { body, idOffsets: offsetsOf(body, idPlaceholder), tsOffsets: offsetsOf(body, tsPlaceholder) };
}

function offsetsOf(body: Buffer, text: string): readonly number[] {
  const offsets: number[] = [];
  for (let at = body.indexOf(text); at !== -1; at = body.indexOf(text, at + 1)) offsets.push(at);
  return offsets;
}
