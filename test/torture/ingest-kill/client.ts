// A client that gives up nothing: each batch is sent with its key until it is answered with 200, over as many servers as that takes.
import { signBody } from "@cuitty/wire-protocol/signature";

export interface Target {
  readonly port: number;
}

export interface Credentials {
  readonly apiKey: string;
  readonly webhookSecret: string;
  readonly projectId: string;
}

/** What a client knows: batches that were answered, with their markers, and answers that should not have been. */
export interface Ledger {
  /** Marker of every event that a 200 covers. */
  readonly acknowledged: Set<string>;
  readonly wrong: string[];
  batches: number;
  replays: number;
}

export interface ClientOptions {
  readonly name: string;
  readonly credentials: Credentials;
  /** Where the server is now; null while it is down. */
  readonly target: () => Target | null;
  readonly isStopping: () => boolean;
  readonly random: () => number;
  readonly ledger: Ledger;
}

/** Sends batches until it is told to stop; the last one is carried through. */
export async function runClient(options: ClientOptions): Promise<void> {
  const { name, ledger, random } = options;
  for (let count = 0; !options.isStopping(); count += 1) {
    const batch = makeBatch(`${name}-${count}`, random);
    const first = await sendUntilAnswered(batch, options);
    if (first !== batch.expected) ledger.wrong.push(`${batch.key}: ${first}`);
    for (const marker of batch.markers) ledger.acknowledged.add(marker);
    ledger.batches += 1;
    // The same again, as after a lost answer: it must change nothing and say the same.
    if (random() < 0.3) {
      const again = await sendUntilAnswered(batch, options);
      ledger.replays += 1;
      if (again !== first) ledger.wrong.push(`${batch.key} again: ${again}`);
    }
  }
}

interface Batch {
  readonly key: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly markers: readonly string[];
  readonly expected: string;
}

/** Events carry no id: only the key stands between a retry and a second copy. One batch in five has a bad event. */
function makeBatch(name: string, random: () => number): Batch {
  const size = 1 + Math.floor(random() * 8);
  const markers: string[] = [];
  const events: unknown[] = [];
  const rejected: unknown[] = [];
  const ts = "2026-04-27T12:34:56Z";
  for (let index = 0; index < size; index += 1) {
    const marker = `${name}:${index}`;
    const kind = random();
    if (kind < 0.04) {
      rejected.push({ index, reason: "data.actor: required", code: "required" });
      events.push({ type: "audit", ts, data: { action: "torture", resource: marker } });
      continue;
    }
    markers.push(marker);
    if (kind < 0.5) events.push({ type: "audit", ts, data: { actor: name, action: "torture", resource: marker } });
    else events.push({ type: "log", ts, data: { level: "info", message: marker } });
  }
  return {
    key: `torture-${name}`,
    body: new TextEncoder().encode(JSON.stringify({ events })),
    markers,
    expected: JSON.stringify({ accepted: markers.length, rejected }),
  };
}

async function sendUntilAnswered(batch: Batch, { credentials, target }: ClientOptions): Promise<string> {
  const headers = {
    authorization: `Bearer ${credentials.apiKey}`,
    "content-type": "application/json",
    "x-cuitty-signature": signBody(batch.body, credentials.webhookSecret),
    "x-cuitty-idempotency-key": batch.key,
  };
  for (;;) {
    const at = target();
    if (at !== null) {
      try {
        const response = await fetch(`http://127.0.0.1:${at.port}/api/ingest`, {
          method: "POST",
          headers,
          body: batch.body,
          signal: AbortSignal.timeout(5_000),
        });
        const text = await response.text();
        if (response.status === 200) return text;
        if (response.status !== 503) return `${response.status} ${text}`;
      } catch {
        // Killed under way: nobody knows whether it was stored, so it is sent again.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
