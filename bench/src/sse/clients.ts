// Thousands of clients in one process: raw sockets, so that the clients cost little and count exactly.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export type ClientOrder =
  | { readonly kind: "open"; readonly port: number; readonly apiKey: string; readonly count: number; readonly isStalled: boolean }
  /** Forgets what was counted. */
  | { readonly kind: "reset" }
  | { readonly kind: "report" };

export interface ClientReport {
  /** Events over all reading clients. */
  readonly delivered: number;
  /** Fewest and most events of one reading client. */
  readonly least: number;
  readonly most: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly closed: number;
}

const counts: number[] = [];
let latencies: number[] = [];
let closed = 0;
const marker = Buffer.from("\ndata: {");
const timeMarker = Buffer.from('"message":"');

function openOne(port: number, apiKey: string, isStalled: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.on("close", () => {
      closed++;
    });
    socket.write(`GET /api/stream?topics=logs HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${apiKey}\r\n\r\n`);
    socket.once("data", () => {
      if (isStalled) socket.pause();
      else socket.on("data", counter(counts.push(0) - 1));
      resolve(socket);
    });
  });
}

// A frame is small and comes in one piece; the few that are cut are found by what is kept of the piece before.
function counter(index: number): (data: Buffer) => void {
  let tail = Buffer.alloc(0);
  return (data) => {
    const text = tail.length > 0 ? Buffer.concat([tail, data]) : data;
    let at = text.indexOf(marker);
    while (at !== -1) {
      counts[index] = (counts[index] ?? 0) + 1;
      if (index < 20 || index % 20 === 0) sample(text, at);
      at = text.indexOf(marker, at + marker.length);
    }
    tail = Buffer.from(text.subarray(Math.max(0, text.length - marker.length + 1)));
  };
}

function sample(text: Buffer, from: number): void {
  const at = text.indexOf(timeMarker, from);
  const sentAtMs = at === -1 ? Number.NaN : Number.parseFloat(text.toString("latin1", at + timeMarker.length, at + timeMarker.length + 20));
  if (!Number.isNaN(sentAtMs)) latencies.push(performance.timeOrigin + performance.now() - sentAtMs);
}

async function open(order: ClientOrder & { kind: "open" }): Promise<unknown> {
  const atOnce = 100;
  for (let done = 0; done < order.count; done += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, order.count - done) }, () => openOne(order.port, order.apiKey, order.isStalled));
    await Promise.all(group);
  }
  await sleep(300);
  return { open: order.count };
}

function report(): ClientReport {
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return {
    delivered: counts.reduce((sum, count) => sum + count, 0),
    least: counts.reduce((least, count) => Math.min(least, count), Number.POSITIVE_INFINITY),
    most: counts.reduce((most, count) => Math.max(most, count), 0),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    closed,
  };
}

process.on("message", async (order: ClientOrder) => {
  if (order.kind === "open") process.send?.(await open(order));
  else if (order.kind === "report") process.send?.(report());
  else {
    counts.fill(0);
    latencies = [];
    process.send?.({});
  }
});
