// A process that emits events and then ends in one of the ways processes end. Started by exit.test.ts; its orders come as JSON in argv.
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { createCuittyClient, type SpoolAdapter } from "@cuitty/sdk";
import { costsPlugin } from "@cuitty/sdk/plugins/costs";
import { errorsPlugin } from "@cuitty/sdk/plugins/errors";

interface Orders {
  readonly url: string;
  readonly end: string;
  readonly count: number;
  readonly spool?: string;
  readonly durability?: "exit" | "wal";
  readonly timeout?: number;
  /** Milliseconds that the spool takes for each batch. */
  readonly spoolMs?: number;
  /** Leaves something to be sent in plugins that gather. */
  readonly gathers?: boolean;
  /** Hands the client a fetch that is not the platform's. */
  readonly ownFetch?: boolean;
}

const { url, end, count, spool, durability, timeout, gathers, spoolMs, ownFetch } = JSON.parse(process.argv[2] ?? "") as Orders;
/** Asynchronous, in the folder that the spool would have. */
const slowSpool: SpoolAdapter = {
  async put({ key, events }) {
    await new Promise((resolve) => setTimeout(resolve, spoolMs).unref());
    writeFileSync(`${spool}/${key}`, events.join("\n"));
  },
  remove() {},
  claim: () => undefined,
};
const client = createCuittyClient({
  portalUrl: url,
  projectId: "p",
  apiKey: "cuitty_sk_test",
  spool: spoolMs ? slowSpool : spool,
  durability,
  timeout,
  fetch: ownFetch ? (input, init) => fetch(input, init) : undefined,
  debug: end === "unheard",
});
// A host that ends by itself, and registered first.
if (end === "once") {
  process.once("SIGTERM", () => setTimeout(() => process.exit(7), 2_500));
  setTimeout(() => process.kill(process.pid, "SIGTERM"), 50);
}
client.start();
if (end.startsWith("signal-exit")) standBy(end.endsWith("3"));
for (let n = 0; n < count; n++) client.emit({ type: n % 2 ? "log" : "audit", data: { n } });

if (gathers) {
  const costs = costsPlugin();
  const errors = errorsPlugin();
  client.use(costs).use(errors);
  costs.track({ provider: "openai", service: "gpt", amount: "12.50" });
  for (let n = 0; n < 5; n++) errors.captureException(Object.assign(new Error("again"), { stack: "" }));
}

/** Requests of the host's own. */
let asked = 0;
let answered = 0;
function fetchOwn(address: string): void {
  asked++;
  void fetch(address).then((response) => response.text().then(() => answered++));
}

const startedAtMs = performance.now();
process.on("exit", () => asked && process.stdout.write(`answered ${answered} of ${asked}\n`));
process.on("exit", () =>
  process.stdout.write(`${JSON.stringify({ ms: Math.round(performance.now() - startedAtMs), stats: client.stats() })}\n`),
);

/** What the package signal-exit does to a process, in short: it counts itself, and ends the process on a signal that nobody else listens to. */
function standBy(isOld: boolean): void {
  const emitter = { count: 1 };
  Object.assign(isOld ? process : globalThis, { [isOld ? "__signal_exit_emitter__" : Symbol.for("signal-exit emitter")]: emitter });
  process.on("SIGTERM", function listener() {
    if (process.listenerCount("SIGTERM") !== emitter.count) return;
    process.off("SIGTERM", listener);
    process.kill(process.pid, "SIGTERM");
  });
}

const ends: Record<string, () => unknown> = {
  natural() {},
  once() {
    setInterval(() => {}, 1_000);
  },
  /** The first request is on its way when there is nothing left to do. */
  later: () => new Promise((resolve) => setTimeout(resolve, 500)),
  exit: () => process.exit(0),
  /** The host's own listener comes after the client's. */
  async listener() {
    process.on("exit", () => client.emit({ type: "audit", data: { n: count } }));
    if (timeout) await new Promise((resolve) => setTimeout(resolve, 300));
    process.exit(0);
  },
  throw: () =>
    setTimeout(() => {
      throw new Error("thrown on purpose");
    }, 20),
  reject: () => setTimeout(() => Promise.reject(new Error("rejected on purpose")), 20),
  SIGTERM() {
    setInterval(() => {}, 1_000);
    setTimeout(() => process.kill(process.pid, "SIGTERM"), 20);
  },
  /** Before the engine can have been loaded. */
  "SIGTERM at once"() {
    setInterval(() => {}, 1_000);
    process.kill(process.pid, "SIGTERM");
  },
  "signal-exit 3": () => ends.SIGTERM?.(),
  "signal-exit 4": () => ends.SIGTERM?.(),
  /** Signals that come while the first one's last flush runs, and an event that comes between them. */
  async "SIGINT twice"() {
    setInterval(() => {}, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 600));
    process.kill(process.pid, "SIGINT");
    setTimeout(() => client.emit({ type: "audit", data: { n: count } }), 50);
    setTimeout(() => process.kill(process.pid, "SIGINT"), 100);
  },
  "SIGHUP at once"() {
    setInterval(() => {}, 1_000);
    process.kill(process.pid, "SIGHUP");
  },
  async flush() {
    await client.flush();
    process.exit(0);
  },
  async shutdown() {
    await client.shutdown(500);
  },
  /** Has something to say several times, to an stderr that nobody reads any more. */
  async unheard() {
    const lines = Array.from({ length: 4 }, (_, n) => n);
    await new Promise<void>((resolve) => {
      client.use({
        name: "talker",
        setup(context) {
          for (const n of lines) setTimeout(() => context.debug(`line ${n}`), 300 + n * 50);
          setTimeout(resolve, 600);
        },
      });
    });
    await client.flush();
    process.exit(0);
  },
  /** Requests of the host's own, each begun in the moment in which the client begins one of its; nothing else holds the process. */
  neighbours() {
    const ask = () => {
      const base = asked % 4 < 2 ? url : url.replace("127.0.0.1", "localhost");
      fetchOwn(`${base}/slow`);
      asked++;
      get(`${base}/soon`, (response) => response.resume().on("end", () => answered++));
    };
    client.on("sent", () => {
      ask();
      queueMicrotask(ask);
      queueMicrotask(() => queueMicrotask(() => queueMicrotask(ask)));
      setImmediate(ask);
    });
  },
  before: () => fetchOwn(`${url}/slow`),
  async connecting() {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    fetchOwn(`${url}/soon`);
  },
  wait() {
    setInterval(() => {}, 1_000);
    setTimeout(() => process.stdout.write("ready\n"), 700);
  },
};
await ends[end]?.();
