// What a client does wherever it runs: the same cases on every Node, on Bun and in browsers. No test runner, no imports but the client.
import { type CuittyOptions, createCuittyClient } from "@cuitty/sdk";

/** What the server of these cases saw of one project. */
export interface SeenBatch {
  readonly key: string;
  readonly isSigned: boolean;
  readonly body: string;
  readonly events: readonly {
    readonly id: string;
    readonly type: string;
    readonly ts: string;
    readonly data: Readonly<Record<string, unknown>>;
  }[];
}

type Case = (server: { readonly url: string; seen(project: string): Promise<readonly SeenBatch[]> }) => Promise<void>;

const secret = "whsec_contract";

/** A client whose project's name is its orders to the server: a fault for each try, in turn. */
function open(url: string, project: string, options: Partial<CuittyOptions> = {}) {
  return createCuittyClient({ portalUrl: url, projectId: project, apiKey: "cuitty_sk_contract", webhookSecret: secret, ...options });
}

function equal(actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`);
}

const uuid = (version: number): RegExp => new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`);

export const cases: Readonly<Record<string, Case>> = {
  async "a batch is signed, keyed and carries its events"({ url, seen }) {
    const client = open(url, "plain").start();
    await client.emit({ type: "audit", timestamp: "2026-04-27T12:34:56Z", data: { actor: "alice@example.com" } });
    equal(await client.flush(), { sent: 1, pending: 0, dropped: 0 });
    const [batch] = await seen("plain");
    equal([batch?.isSigned, uuid(4).test(batch?.key ?? ""), uuid(7).test(batch?.events[0]?.id ?? "")], [true, true, true]);
    equal(
      batch?.events.map(({ type, ts, data }) => ({ type, ts, data })),
      [{ type: "audit", ts: "2026-04-27T12:34:56Z", data: { actor: "alice@example.com" } }],
    );
    await client.shutdown();
  },

  async "a large batch arrives whole and in order"({ url, seen }) {
    const client = open(url, "large").start();
    for (let n = 0; n < 700; n++) client.emit({ type: n % 2 ? "log" : "audit", data: { n, text: "größer ✓" } });
    equal(await client.shutdown(), { sent: 700, pending: 0, dropped: 0 });
    const numbers = (await seen("large")).flatMap((batch) => batch.events.map((event) => event.data.n));
    equal(
      numbers,
      Array.from({ length: 700 }, (_, n) => n),
    );
  },

  async "a batch that failed comes again with the same key and bytes"({ url, seen }) {
    const client = open(url, "503,lose_ack,ok");
    for (let n = 0; n < 60; n++) client.emit({ type: "audit", data: { n } });
    equal(await client.flush(), { sent: 60, pending: 0, dropped: 0 });
    const batches = await seen("503,lose_ack,ok");
    equal([batches.length, new Set(batches.map((batch) => batch.key + batch.body)).size], [3, 1]);
    await client.shutdown();
  },

  async "a batch that is too large is split"({ url, seen }) {
    const client = open(url, "413,ok,ok");
    for (let n = 0; n < 10; n++) client.emit({ type: "audit", data: { n } });
    equal(await client.flush(), { sent: 10, pending: 0, dropped: 0 });
    equal(
      (await seen("413,ok,ok")).map((batch) => batch.events.length),
      [10, 5, 5],
    );
    await client.shutdown();
  },

  async "a refused key pauses and keeps the events"({ url }) {
    const client = open(url, "401");
    client.emit({ type: "audit", data: {} });
    equal(await client.flush(), { sent: 0, pending: 1, dropped: 0 });
    equal(client.stats().breaker, "open");
    equal(await client.shutdown(), { sent: 1, pending: 0, dropped: 0 });
  },

  async "hostile events harm nobody"({ url, seen }) {
    const client = open(url, "hostile");
    const circular: Record<string, unknown> = { n: 2 };
    circular.self = circular;
    client.emit({ type: "audit", data: { n: 1 } });
    client.emit({ type: "audit", data: circular });
    client.emit({
      type: "audit",
      data: {
        toJSON() {
          throw new Error("hostile");
        },
      },
    });
    client.emit(null as never);
    client.emit({ type: "audit", data: { n: 3n } });
    await client.shutdown();
    equal(client.stats().drops, { unserializable: { audit: 1, unknown: 1 } });
    equal(
      (await seen("hostile")).flatMap((batch) => batch.events.map((event) => event.data)),
      [{ n: 1 }, { n: 2, self: "[circular]" }, { n: "3" }],
    );
  },

  async "a server that hangs does not hold shutdown"({ url }) {
    const client = open(url, "hang,hang");
    client.emit({ type: "audit", data: {} });
    const startedAt = performance.now();
    const { sent, pending, dropped } = await client.shutdown(300);
    equal([sent, pending, dropped, performance.now() - startedAt < 1_500], [0, 0, 1, true]);
  },

  async "wrong options are one error that names the option"({ url }) {
    let code: unknown;
    try {
      open(url, "p", { timeout: -1 });
    } catch (error) {
      code = [(error as { code: string }).code, (error as Error).message.includes("timeout")];
    }
    equal(code, ["invalid_option", true]);
  },
};
