// Plugins in a client: what they may do, and that none can hurt anybody.
import { type CuittyPlugin, createCuittyClient, type PluginContext } from "@cuitty/sdk";
import { auditPlugin } from "@cuitty/sdk/plugins/audit";
import { redactionPlugin } from "@cuitty/sdk/plugins/redaction";
import { createRecorder } from "@cuitty/sdk/testing";
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_sk_test" };
const unhandled = vi.fn();

beforeEach(() => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  process.on("unhandledRejection", unhandled);
});
afterEach(() => {
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

function create() {
  const recorder = createRecorder();
  return { recorder, client: createCuittyClient({ ...identity, fetch: recorder.fetch }) };
}

test("hooks run in order: setup at start, before for each event, flush before sending, teardown in reverse", async () => {
  const { recorder, client } = create();
  const calls: string[] = [];
  const plugin = (name: string): CuittyPlugin => ({
    name,
    setup: () => void calls.push(`${name} setup`),
    before: (event) => ({ ...event, data: { ...(event.data as object), [name]: true } }),
    flush: () => void calls.push(`${name} flush`),
    teardown: () => void calls.push(`${name} teardown`),
  });
  expect(client.use(plugin("a"))).toBe(client);
  client.use(plugin("b")).emit({ type: "audit", data: {} });
  expect(calls).toEqual([]);
  client.start();
  client.start();
  client.use(plugin("late"));
  await client.shutdown();
  expect(calls.slice(0, 3)).toEqual(["a setup", "b setup", "late setup"]);
  expect(calls.slice(-3)).toEqual(["late teardown", "b teardown", "a teardown"]);
  expect(calls.filter((call) => call.endsWith("flush"))).toHaveLength(3);
  expect(recorder.events.map((event) => event.data)).toEqual([{ a: true, b: true }]);
});

test.each([5, "text", true, [], {}, { data: 1 }, { type: 5 }])(
  "what is no event is not sent: %j from a before hook, or emitted",
  async (odd) => {
    const { recorder, client } = create();
    let isOdd = true;
    client.use({ name: "odd", before: (event) => (isOdd ? (odd as never) : event) }).start();
    client.emit({ type: "log", data: 1 });
    isOdd = false;
    client.emit({ type: "log", data: 2 });
    await client.shutdown();
    const bare = create();
    bare.client.start().emit(odd as never);
    await bare.client.shutdown();
    expect(recorder.events.map(({ data }) => data)).toEqual([2]);
    expect(client.stats()).toMatchObject({ sent: 1, dropped: 1, drops: { plugin_error: { log: 1 } } });
    expect(bare.recorder.events).toEqual([]);
    expect(bare.client.stats()).toMatchObject({ emitted: 1, sent: 0, dropped: 1, drops: { unserializable: expect.anything() } });
  },
);

/** What an app may throw, and what cannot even be printed. */
const oddErrors: readonly (readonly [string, unknown])[] = [
  ["an object without toString", Object.create(null)],
  ["a cause without toString", Object.assign(new Error("x"), { cause: Object.create(null) })],
  ["a symbol", Symbol("x")],
  ["nothing", undefined],
  [
    "a getter that throws",
    {
      get cause(): never {
        throw new Error("hostile");
      },
    },
  ],
  [
    "a toString that throws",
    {
      toString() {
        throw new Error("hostile");
      },
    },
  ],
];

test.each(oddErrors)("%s, thrown by fetch, a plugin, a listener or waitUntil, hurts nobody", async (_name, thrown) => {
  const fail = (): never => {
    throw thrown;
  };
  const reject = async (): Promise<never> => fail();
  for (const fetch of [fail, reject]) {
    const client = createCuittyClient({ ...identity, fetch, maxRetries: 0, waitUntil: fail });
    client.on("drop", fail);
    client.on("drop", reject);
    client.use({ name: "odd", setup: fail, flush: reject as never, teardown: fail }).start();
    client.use({ name: "odd too", before: (event) => (event.type === "audit" ? fail() : event) });
    expect(() => client.emit({ type: "audit", data: 1 })).not.toThrow();
    expect(() => client.emit({ type: "log", data: 1 })).not.toThrow();
    await client.shutdown(200);
    expect(client.stats()).toMatchObject({ pending: 0, dropped: 2 });
  }
});

test("a before hook may leave an event out, which is counted", async () => {
  const { recorder, client } = create();
  client.use({ name: "sampling", before: (event) => (event.type === "log" ? null : event) });
  client.emit({ type: "log", data: {} });
  client.emit({ type: "audit", data: {} });
  await client.shutdown();
  expect(recorder.events.map((event) => event.type)).toEqual(["audit"]);
  expect(client.stats().drops).toEqual({ plugin: { log: 1 } });
});

test("an event whose before hook threw is left out; after ten the plugin is off, unless it must not be", async () => {
  const { recorder, client } = create();
  const throws = vi.fn((): never => {
    throw new Error("plugin");
  });
  client.use({ name: "broken", before: throws });
  for (let n = 0; n < 15; n++) client.emit({ type: "audit", data: { n } });
  await client.flush();
  expect(throws).toHaveBeenCalledTimes(10);
  expect(recorder.events.map((event) => event.data.n)).toEqual([10, 11, 12, 13, 14]);
  expect(client.stats()).toMatchObject({ pluginErrors: 10, drops: { plugin_error: { audit: 10 } } });
  client.use({ name: "redaction", failClosed: true, before: throws });
  for (let n = 0; n < 15; n++) client.emit({ type: "audit", data: { n } });
  await client.shutdown();
  expect(client.stats().drops).toEqual({ plugin_error: { audit: 25 } });
});

test("hooks that throw, or are async and reject, reach nobody", async () => {
  const { recorder, client } = create();
  const fail = (): never => {
    throw new Error("plugin");
  };
  const reject = async (): Promise<never> => fail();
  client.use({ name: "throws", setup: fail, request: fail, flush: fail, teardown: fail });
  client.use({ name: "rejects", setup: reject as never, request: reject as never, flush: reject as never, teardown: reject as never });
  client.start();
  client.recordRequest({ method: "GET", path: "/", statusCode: 200, durationMs: 1, startedAtMs: 0, context: undefined });
  client.on("sent", fail);
  client.emit({ type: "audit", data: {} });
  expect(await client.shutdown()).toEqual({ sent: 1, pending: 0, dropped: 0 });
  expect(recorder.events).toHaveLength(1);
});

test("finished lines go out as they are, and through before hooks where there are any", async () => {
  for (const before of [undefined, (event: never) => event]) {
    const { recorder, client } = create();
    const setup = ({ emitRaw }: PluginContext): void => {
      emitRaw("log", "2026-04-27T12:34:56Z", '{"level":"info",\n"message":"x"}');
      emitRaw("log", "2026-04-27T12:34:56Z", '{"level":');
    };
    client.use({ name: "raw", setup, before: before as never }).start();
    await client.shutdown();
    expect(recorder.events.map(({ ts, data }) => ({ ts, data }))).toEqual([
      { ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "x" } },
    ]);
  }
});

test.each<[string, CuittyPlugin["before"]]>([
  [
    "in place",
    (event) => {
      delete (event.data as { password?: string }).password;
      return event;
    },
  ],
  ["in a copy", ({ type }) => ({ type, data: {} })],
])("what a before hook takes out of a finished line, %s, is not sent", async (_name, before) => {
  const { recorder, client } = create();
  const setup = ({ emitRaw }: PluginContext): void => emitRaw("log", "2026-04-27T12:34:56Z", '{"password":"S3CRET"}');
  client.use({ name: "mine", before }).use({ name: "raw", setup }).start();
  await client.shutdown();
  expect(recorder.events.map(({ data }) => data)).toEqual([{}]);
});

test("honoMiddleware hands each request to the plugins' hooks, and does nothing without", async () => {
  const { recorder, client } = create();
  const app = new Hono().use("*", client.honoMiddleware()).get("/notes/:id", (context) => context.text("note"));
  expect(await (await app.request("/notes/7")).text()).toBe("note");
  client.use(auditPlugin()).start();
  await app.request("/notes/7?token=secret");
  await client.shutdown();
  expect(recorder.events).toHaveLength(1);
  expect(recorder.events[0]?.data).toMatchObject({ actor: "anonymous", method: "GET", path: "/notes/7", statusCode: 200 });
  expect(JSON.stringify(recorder.events)).not.toContain("secret");
});

test("what is emitted while a client shuts down is redacted, too; plugins that come later are not set up", async () => {
  const { recorder, client } = create();
  client.use(redactionPlugin()).start();
  client.emit({ type: "audit", data: { password: "one" } });
  const end = client.shutdown();
  client.emit({ type: "audit", data: { password: "two" } });
  const setup = vi.fn();
  client.use({ name: "late", setup });
  await end;
  expect(recorder.events.map((event) => event.data)).toEqual([{ password: "[redacted]" }, { password: "[redacted]" }]);
  expect(setup).not.toHaveBeenCalled();
});

test("null and false in the place of a plugin are ignored", async () => {
  const { recorder, client } = create();
  for (const nothing of [null, false]) client.use(nothing as never);
  client.use({ name: "one" });
  expect(process.stderr.write).not.toHaveBeenCalled();
  client.start().emit({ type: "audit", data: { n: 1 } });
  await client.shutdown();
  expect(recorder.events.map((event) => event.data)).toEqual([{ n: 1 }]);
});

test.each([
  ["a factory that was not called", auditPlugin],
  ["an empty object", {}],
  ["nothing", undefined],
  ["a name", "audit"],
])("%s in the place of a plugin is told, once, and hurts nobody", async (_name, mistake) => {
  const { recorder, client } = create();
  client.use(mistake as never).use(mistake as never);
  client.start().emit({ type: "audit", data: { n: 1 } });
  await client.shutdown();
  expect(vi.mocked(process.stderr.write).mock.calls.map(([line]) => line)).toEqual(["[cuitty] no plugin: use(auditPlugin())\n"]);
  expect(recorder.events.map((event) => event.data)).toEqual([{ n: 1 }]);
});

test.each([undefined, redactionPlugin()])(
  "an event without a type is lost for that, and said so, with plugins or without",
  async (plugin) => {
    const { client } = create();
    if (plugin) client.use(plugin);
    const lost: unknown[] = [];
    client.on("drop", (detail) => lost.push(detail));
    client.emit({ data: { n: 1 } } as never);
    expect(lost).toEqual([{ reason: "unserializable", type: "undefined", message: "type must be given, as text" }]);
    await client.shutdown();
  },
);

test("an event whose before hook is async by mistake is left out and counted, not sent without its content", async () => {
  const { recorder, client } = create();
  client.use({ name: "async", before: (async (event: unknown) => event) as never }).emit({ type: "audit", data: { n: 1 } });
  await client.shutdown();
  expect(recorder.events).toEqual([]);
  expect(client.stats().drops).toEqual({ plugin_error: { audit: 1 } });
});

test.each([false, true])(
  "what is no finished line is lost for that alone, and every event is counted (with a before hook: %s)",
  async (isSeen) => {
    const { recorder, client } = create();
    if (isSeen) client.use({ name: "seer", before: (event) => event });
    const setup = ({ emitRaw, debug }: PluginContext): void => {
      for (const odd of [undefined, 5, Symbol("x"), {}]) {
        emitRaw("audit", "2026-04-27T12:34:56Z", odd as never);
        emitRaw(odd as never, "2026-04-27T12:34:56Z", '{"n":1}');
      }
      emitRaw("audit", Symbol("x") as never, '{"n":1}');
      emitRaw("audit", undefined as never, '{"n":2}');
      debug(Symbol("x") as never);
    };
    client.use({ name: "raw", setup });
    expect(() => client.start()).not.toThrow();
    await client.shutdown();
    const { emitted, sent, dropped, pluginErrors } = client.stats();
    expect(recorder.events.map(({ data }) => data.n).filter(Boolean)).toEqual([2]);
    expect([emitted, sent + dropped, pluginErrors]).toEqual([10, 10, 0]);
  },
);

test("a plugin that emits in its own before hook comes to an end, and every event is counted once", async () => {
  const { client } = create();
  let emits = 0;
  let context: PluginContext | undefined;
  client.use({
    name: "echo",
    setup(given) {
      context = given;
    },
    before(event) {
      emits++;
      context?.emit({ type: "audit", data: {} });
      return event;
    },
  });
  client.start();
  for (let n = 0; n < 12; n++) client.emit({ type: "audit", data: { n } });
  await client.shutdown();
  const { emitted, sent, drops } = client.stats();
  expect(emits).toBe(12 * 8);
  expect([emitted, sent, drops]).toEqual([12 * 9, 12 * 8, { plugin_error: { audit: 12 } }]);
});

const fails = (): never => {
  throw new Error("hostile");
};
const hostile = (member: string): object => Object.defineProperty({ name: "x", before: fails }, member, { get: fails });

test.each([
  ["a name that is a symbol", { name: Symbol("x"), setup: fails }],
  ["a name that throws", hostile("name")],
  ["a call that throws", hostile("call")],
  ["a failClosed that throws", hostile("failClosed")],
  ["a before that throws", hostile("before")],
  ["nothing that can be read", new Proxy({}, { get: fails })],
])("a plugin with %s hurts nobody", async (_name, plugin) => {
  const { client } = create();
  expect(() => client.use(plugin as never).start()).not.toThrow();
  expect(() => client.use({ name: "raw", setup: ({ emitRaw }) => emitRaw("log", "2026-04-27T12:34:56Z", "{}") })).not.toThrow();
  for (let n = 0; n < 12; n++) expect(() => client.emit({ type: "audit", data: { n } })).not.toThrow();
  await client.shutdown();
  const { emitted, sent, dropped, pending } = client.stats();
  expect([emitted, sent + dropped, pending]).toEqual([13, 13, 0]);
});
