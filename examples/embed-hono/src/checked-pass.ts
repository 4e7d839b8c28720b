// One full pass with a verdict: real requests, every commit, flush, then each event that was sent must be stored once and streamed once.
import { gunzipSync } from "node:zlib";
import { type RunningApp, TOPICS } from "./app.ts";

export interface PassReport {
  readonly sent: number;
  readonly stored: number;
  readonly streamed: number;
  readonly lost: number;
  readonly duplicated: number;
}

const requestCount = 220;
const requestsAtOnce = 10;
const streamWaitMs = 15_000;

/** A fetch that remembers the id of every event that the server accepted. */
export function countingFetch(sentIds: Set<string>): typeof fetch {
  return async (input, init) => {
    const reply = await fetch(input, init);
    if (reply.ok && init?.body instanceof Uint8Array) {
      const isZipped = new Headers(init.headers).get("content-encoding") === "gzip";
      const text = new TextDecoder().decode(isZipped ? gunzipSync(init.body) : init.body);
      for (const event of (JSON.parse(text) as { events: { id: string }[] }).events) sentIds.add(event.id);
    }
    return reply;
  };
}

/** Makes the requests of one pass: notes are written, read, missed and deleted, and some requests are wrong on purpose. */
async function makeRequests(url: string): Promise<void> {
  const one = async (n: number): Promise<void> => {
    const json = { "content-type": "application/json" };
    if (n % 10 === 9) return void (await (await fetch(`${url}/notes`, { method: "POST", headers: json, body: "{}" })).text());
    if (n % 10 === 8) return void (await (await fetch(`${url}/notes/999999`)).text());
    if (n % 2 === 1) return void (await (await fetch(`${url}/notes`)).text());
    await (await fetch(`${url}/notes`, { method: "POST", headers: json, body: JSON.stringify({ text: `note ${n} <b>&amp;</b>` }) })).text();
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < requestCount) await one(next++);
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, worker));
}

/** Reads the live stream until `isDone`, remembering how often each event id came. */
async function follow(app: RunningApp, seen: Map<string, number>, signal: AbortSignal): Promise<void> {
  const reply = await fetch(`${app.url}/api/stream?topics=${TOPICS.join(",")}&after=0`, {
    headers: { authorization: `Bearer ${app.credentials.apiKey}` },
    signal,
  });
  if (!reply.ok || !reply.body) throw new Error(`the stream answered ${reply.status}: ${await reply.text()}`);
  let rest = "";
  for await (const chunk of reply.body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + chunk).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const data = /^data: ?(.*)$/m.exec(frame)?.[1];
      if (data === undefined) continue;
      const { id } = JSON.parse(data) as { id: string };
      seen.set(id, (seen.get(id) ?? 0) + 1);
    }
  }
}

/** How often each event id is stored, read from the modules' own tables. */
async function storedIds(app: RunningApp): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const topic of TOPICS) {
    for (const id of await app.kit.eventIds(topic, app.credentials.projectId)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** Runs the pass on a started app. `sentIds` is filled by its counting fetch. */
export async function runPass(app: RunningApp, sentIds: ReadonlySet<string>): Promise<PassReport> {
  const streamed = new Map<string, number>();
  const stop = new AbortController();
  const following = follow(app, streamed, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  await makeRequests(app.url);
  await app.commitsRead();
  await app.cuitty.flush();

  const deadline = Date.now() + streamWaitMs;
  while (Date.now() < deadline && [...sentIds].some((id) => !streamed.has(id))) await new Promise((resolve) => setTimeout(resolve, 50));
  // A little longer: a second copy of an event would arrive now.
  await new Promise((resolve) => setTimeout(resolve, 300));
  stop.abort();
  await following;

  const stored = await storedIds(app);
  const ids = [...sentIds];
  return {
    sent: ids.length,
    stored: ids.filter((id) => stored.has(id)).length,
    streamed: ids.filter((id) => streamed.has(id)).length,
    lost: ids.filter((id) => !stored.has(id) || !streamed.has(id)).length,
    duplicated: ids.filter((id) => (stored.get(id) ?? 0) > 1 || (streamed.get(id) ?? 0) > 1).length,
  };
}

/** The one line that says it all. */
export function reportLine({ sent, stored, streamed, lost, duplicated }: PassReport): string {
  return `demo: ${sent} sent, ${stored} stored, ${streamed} streamed, ${lost} lost, ${duplicated} duplicated`;
}
