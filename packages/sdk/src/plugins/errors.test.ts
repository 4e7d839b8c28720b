// The errors plugin: what an event holds, that repeats are counted, and that hosts end (or go on) exactly as they would without it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Value } from "@sinclair/typebox/value";
import { Hono } from "hono";
import { describe, expect, test, vi } from "vitest";
import { errorSchema } from "../../../wire-protocol/src/events/error.ts";
import { createHonoMiddleware } from "../hono.ts";
import { type ErrorContext, type ErrorsPluginOptions, errorsPlugin } from "./errors.ts";
import { createPluginHarness, testPlugin } from "./plugin-suite.ts";

testPlugin({
  file: "errors",
  create: () => errorsPlugin({ release: "portal@0.3.0", environment: "production", captureUncaught: false }),
  trigger: (plugin) =>
    (plugin as ReturnType<typeof errorsPlugin>).captureException(new TypeError("no user", { cause: new Error("no session") })),
  expected: {
    type: "error",
    data: {
      name: "TypeError",
      message: "no user",
      stack: expect.stringContaining("TypeError: no user\n    at "),
      handled: true,
      level: "error",
      cause: { name: "Error", message: "no session" },
      release: "portal@0.3.0",
      environment: "production",
    },
  },
});

function captured(thrown: readonly unknown[], context?: ErrorContext, options: ErrorsPluginOptions = {}) {
  const harness = createPluginHarness();
  const plugin = errorsPlugin({ captureUncaught: false, ...options });
  plugin.setup?.(harness.context);
  for (const error of thrown) plugin.captureException(error, context);
  plugin.teardown?.();
  return harness.events.map((event) => event.data);
}

class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code = "ECONNRESET";
}

test("context, tags and codes travel along, and the event is valid on the wire", () => {
  const [data] = captured(
    [new HttpError("x")],
    { level: "warning", user: { id: 1 }, request: { method: "GET" }, tags: { a: "b" }, fingerprint: ["x"], traceId: "t" },
    { tags: { c: "d" } },
  );
  expect(data).toMatchObject({
    name: "HttpError",
    code: "ECONNRESET",
    level: "warning",
    user: { id: 1 },
    tags: { a: "b", c: "d" },
    fingerprint: ["x"],
    traceId: "t",
  });
  expect(Value.Check(errorSchema, data)).toBe(true);
});

const loop = new Error("a");
loop.cause = new Error("b", { cause: loop });
const deep = Array.from({ length: 9 }).reduce<Error>((cause, _, index) => new Error(`e${index}`, { cause }), new Error("root"));
const hostile = Object.defineProperties(new Error("h"), { stack: { get: boom }, message: { get: boom }, cause: { get: boom } });

function boom(): never {
  throw new Error("boom");
}

test.each<[string, unknown, object]>([
  ["a string", "just text", { name: "Thrown string", message: "just text" }],
  ["undefined", undefined, { name: "Thrown undefined", message: "undefined" }],
  ["null", null, { name: "Thrown null" }],
  ["a plain object", { status: 7 }, { name: "Object", message: '{"status":7}' }],
  ["a symbol", Symbol("s"), { message: "Symbol(s)" }],
  ["an object with a message", { message: "m" }, { message: "m" }],
  ["an error of another realm", { name: "E", message: "m", stack: "E: m" }, { name: "E", message: "m", stack: "E: m" }],
  ["causes in a circle", loop, { message: "a", cause: { message: "b" } }],
  ["an error that cannot be read", hostile, { name: "Error", message: "" }],
  ["a proxy that throws", new Proxy({}, { get: boom, getPrototypeOf: boom }), { message: "a value that cannot be shown" }],
  [
    "an aggregate",
    new AggregateError([new TypeError("one"), "two"], "all"),
    { name: "AggregateError", errors: [{ name: "TypeError" }, { message: "two" }] },
  ],
])("%s is read", (_name, thrown, expected) => {
  const [data] = captured([thrown]);
  expect(data).toMatchObject(expected);
  expect(Value.Check(errorSchema, data)).toBe(true);
});

test("causes are followed five deep, long texts are cut", () => {
  let depth = 0;
  for (let at = captured([deep])[0] as { cause?: object } | undefined; at !== undefined; at = at.cause) depth += 1;
  expect(depth).toBe(5);
  expect((captured([new Error("x".repeat(99_999))])[0] as { message: string }).message.length).toBeLessThan(8_200);
});

test("the same object is sent once; equal errors are counted and told at the end", () => {
  const one = new Error("x");
  expect(captured([one, one])).toHaveLength(1);
  const make = (id: number) => new Error(`user ${id} is gone`);
  const events = captured(Array.from({ length: 50 }, (_, index) => make(index)));
  expect(events.map(({ message, repeats }) => [message, repeats])).toEqual([
    ["user 0 is gone", undefined],
    ["user 49 is gone", 49],
  ]);
  expect(
    captured(
      Array.from({ length: 5 }, (_, index) => make(index)),
      {},
      { repeatWindowMs: 0 },
    ),
  ).toHaveLength(5);
});

test("after the window an equal error is sent again, with those in between", () => {
  let nowMs = 0;
  const harness = createPluginHarness({ now: () => nowMs });
  const plugin = errorsPlugin({ captureUncaught: false });
  plugin.setup?.(harness.context);
  for (const atMs of [0, 1, 2, 60_001]) {
    nowMs = atMs;
    plugin.captureException(new Error("x"), { fingerprint: "x" });
  }
  expect(harness.events.map(({ data }) => data.repeats)).toEqual([undefined, 2, undefined]);
});

test("errors that were held back are told when their time is over, though no other follows", () => {
  vi.useFakeTimers();
  try {
    const harness = createPluginHarness();
    const plugin = errorsPlugin({ captureUncaught: false });
    plugin.setup?.(harness.context);
    for (let n = 0; n < 100; n += 1) plugin.captureException(new Error("x"), { fingerprint: "x" });
    vi.advanceTimersByTime(59_999);
    expect(harness.events).toHaveLength(1);
    vi.advanceTimersByTime(120_000);
    expect(harness.events.map(({ data }) => data.repeats)).toEqual([undefined, 99]);
    plugin.teardown?.();
  } finally {
    vi.useRealTimers();
  }
});

test("many different errors stay bounded, and none is lost", () => {
  const harness = createPluginHarness();
  const plugin = errorsPlugin({ captureUncaught: false });
  plugin.setup?.(harness.context);
  for (let round = 0; round < 2; round += 1)
    for (let i = 0; i < 500; i += 1) plugin.captureException(new Error("x"), { fingerprint: `f${i}` });
  plugin.teardown?.();
  const total = harness.events.reduce((sum, { data }) => sum + ((data.repeats as number | undefined) ?? 1), 0);
  expect(total).toBe(1_000);
});

test("an error that fails a Hono request is sent with its request, others are not", async () => {
  const harness = createPluginHarness();
  const plugin = errorsPlugin({ captureUncaught: false });
  plugin.setup?.(harness.context);
  const app = new Hono();
  app.use("*", createHonoMiddleware({ recordRequest: (record) => plugin.request?.(record), flush: async () => undefined }));
  app.onError((_error, c) => c.text("", c.req.path === "/soft" ? 400 : 500));
  app.get("/:id", boom);
  await app.request("/soft?x=1");
  await app.request("/hard?token=1");
  plugin.teardown?.();
  expect(harness.events.map(({ data }) => [data.message, data.handled, data.request])).toEqual([
    ["boom", false, { method: "GET", path: "/hard", route: "/:id", statusCode: 500 }],
  ]);
});

const path = fileURLToPath(new URL("./errors.ts", import.meta.url));

/** Runs a program with or without the plugin; events are printed to fd 3 (stdout stays the host's). */
function run(program: string, hasPlugin: boolean, flags: readonly string[] = []) {
  const start = `import { writeSync } from "node:fs"; const { errorsPlugin } = await import(${JSON.stringify(path)}); const plugin = errorsPlugin({ repeatWindowMs: 0 });
    if (${hasPlugin}) plugin.setup({ emit: ({ data }) => writeSync(3, JSON.stringify([data.name, data.message, data.level, data.handled]) + "\\n"), debug() {}, on: () => () => {}, now: Date.now });`;
  const child = spawnSync(
    process.execPath,
    ["--conditions=@cuitty/source", "--import", "tsx", ...flags, "--input-type=module", "-e", `${start}\n${program}`],
    {
      encoding: "utf8",
      timeout: 20_000,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    },
  );
  const events = (child.output[3] ?? "")
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
  return {
    events,
    code: child.status,
    signal: child.signal,
    out: child.stdout,
    err: child.stderr.replace(/eval\w*:\d+/g, "eval").replace(/\(node:\d+\)/g, "(node)"),
  };
}

const reject = 'Promise.reject(new TypeError("r")); setTimeout(() => console.log("alive"), 50);';
const own = 'process.on("unhandledRejection", () => console.log("host handles"));';

describe.each<[name: string, program: string, flags: readonly string[], events: readonly unknown[]]>([
  ["an uncaught exception", 'setTimeout(() => { throw new TypeError("u"); }, 1);', [], [["TypeError", "u", "fatal", false]]],
  [
    "an uncaught exception that the host handles",
    'process.on("uncaughtException", () => console.log("host handles")); setTimeout(() => { throw new TypeError("u"); }, 1);',
    [],
    [["TypeError", "u", "fatal", false]],
  ],
  ["an unhandled rejection", reject, [], [["TypeError", "r", "fatal", false]]],
  [
    "an unhandled rejection of a string",
    'Promise.reject("text")',
    [],
    [["UnhandledPromiseRejection", expect.stringContaining('reason "text"'), "fatal", false]],
  ],
  ["a rejection that the host handles", `${own}${reject}`, [], [["TypeError", "r", "error", false]]],
  [
    "a rejection after the host's listener is gone",
    `${own} process.removeAllListeners("unhandledRejection"); ${reject}`,
    [],
    [["TypeError", "r", "fatal", false]],
  ],
  [
    "a rejection after the host's once listener is used up",
    `process.once("unhandledRejection", () => console.log("once")); Promise.reject(new Error("first")); setTimeout(() => { ${reject} }, 10);`,
    [],
    [
      ["Error", "first", "error", false],
      ["TypeError", "r", "fatal", false],
    ],
  ],
  ["a rejection in mode warn", reject, ["--unhandled-rejections=warn"], [["TypeError", "r", "error", false]]],
  ["a rejection in mode none", reject, ["--unhandled-rejections=none"], [["TypeError", "r", "error", false]]],
  ["a rejection in mode strict", reject, ["--unhandled-rejections=strict"], [["TypeError", "r", "fatal", false]]],
  ["a rejection in mode warn-with-error-code", reject, ["--unhandled-rejections=warn-with-error-code"], []],
  ["a natural end", 'console.log("done");', [], []],
])("%s", (_name, program, flags, events) => {
  test("is sent, and the host goes on or ends as without the plugin", () => {
    const without = run(program, false, flags);
    const { events: sent, ...rest } = run(program, true, flags);
    const { events: _none, ...same } = without;
    expect(rest).toEqual(same);
    expect(sent).toEqual(events);
  });
});
