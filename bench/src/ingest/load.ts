// Load generator, in a process of its own: 16 connections, each sends its next batch when the last one was answered; every answer is checked.
import { connect, type Socket } from "node:net";
import { type Batch, createBatchMaker, EVENTS_PER_BATCH, type Mix } from "./workload.ts";

export interface LoadOptions {
  readonly port: number;
  readonly apiKey: string;
  readonly secret: string;
  readonly mix: Mix;
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadReport {
  /** Answered with 200 and the right body. */
  readonly batches: number;
  readonly wrongAnswers: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of one core the generator itself used. */
  readonly generatorCpu: number;
}

const expected = `{"accepted":${EVENTS_PER_BATCH},"rejected":[]}`;

async function run(options: LoadOptions): Promise<LoadReport> {
  const latencies: number[] = [];
  let wrongAnswers = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const until = began + options.durationMs;

  async function worker(_: unknown, client: number): Promise<void> {
    const makeBatch = createBatchMaker(options.mix, options.secret, client);
    const connection = await openConnection(options.port);
    let madeAtMs = Date.now();
    while (performance.now() < until) {
      const batch = makeBatch(madeAtMs);
      madeAtMs = Date.now();
      const sentAt = performance.now();
      send(connection.socket, batch, options);
      const { status, body } = await connection.answer();
      latencies.push(performance.now() - sentAt);
      if (status !== 200 || body !== expected) {
        wrongAnswers += 1;
        if (wrongAnswers === 1)
          process.stderr.write(`first wrong answer, after ${Math.round(performance.now() - began)} ms: ${status} ${body}\n`);
      }
    }
    connection.socket.destroy();
  }

  await Promise.all(Array.from({ length: options.connections }, worker));
  const seconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return {
    batches: latencies.length - wrongAnswers,
    wrongAnswers,
    seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    generatorCpu: (used.user + used.system) / 1e6 / seconds,
  };
}

/** Head and body in one system call. The body's bytes are free again once the answer is there. */
function send(socket: Socket, { body, signature, key }: Batch, { apiKey }: LoadOptions): void {
  socket.cork();
  socket.write(
    `POST /api/ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${apiKey}\r\nContent-Type: application/json\r\nX-Cuitty-Signature: ${signature}\r\nX-Cuitty-Idempotency-Key: ${key}\r\nContent-Length: ${body.length}\r\n\r\n`,
    "latin1",
  );
  socket.write(body);
  socket.uncork();
}

interface Connection {
  readonly socket: Socket;
  /** The next answer on this connection. */
  answer(): Promise<{ readonly status: number; readonly body: string }>;
}

async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  let received = "";
  let waiting: ((value: { status: number; body: string }) => void) | undefined;
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const end = received.indexOf("\r\n\r\n");
    if (end === -1) return;
    const head = received.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? "0");
    if (received.length < end + 4 + length) return;
    const body = received.slice(end + 4, end + 4 + length);
    received = received.slice(end + 4 + length);
    waiting?.({ status: Number(head.slice(9, 12)), body });
  });
  socket.on("close", () => waiting?.({ status: 0, body: "connection closed" }));
  socket.on("error", () => undefined);
  return {
    socket,
    answer: () =>
      new Promise((resolve) => {
        waiting = resolve;
      }),
  };
}

process.on("message", (options: LoadOptions) => {
  void run(options).then((report) => process.send?.(report));
});
