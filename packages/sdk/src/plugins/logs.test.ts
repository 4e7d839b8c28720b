// The logs plugin on real pino loggers: what arrives, what stays untouched, and that nothing feeds itself.
import { Writable } from "node:stream";
import pino from "pino";
import { afterEach, describe, expect, test } from "vitest";
import type { CuittyPlugin } from "../plugin.ts";
import { consolePlugin, cuittyStream, type LogsPluginOptions, logsPlugin } from "./logs.ts";
import { createPluginHarness, type PluginHarness, testPlugin } from "./plugin-suite.ts";

function sink() {
  const lines: string[] = [];
  return { lines, write: (line: string) => void lines.push(line) };
}

let shared = pino({ base: null }, sink());
testPlugin({
  file: "logs",
  create: () => {
    shared = pino({ base: null }, sink());
    return logsPlugin({ logger: shared, minLevel: "info" });
  },
  trigger: () => shared.child({ module: "api" }).info({ requestId: "abc" }, "request processed"),
  expected: { type: "log", data: { level: "info", message: "request processed", module: "api", fields: { requestId: "abc" } } },
});

testPlugin({
  file: "console-tee",
  create: () => consolePlugin(),
  trigger: () => console.warn("disk at %d %", 91),
  expected: { type: "log", data: { level: "warn", message: "disk at 91 %", module: "console" } },
});

const plugins: CuittyPlugin[] = [];
afterEach(() => {
  for (const plugin of plugins.splice(0).reverse()) plugin.teardown?.();
});

function attach(options: LogsPluginOptions, harness = createPluginHarness()): PluginHarness & { plugin: CuittyPlugin } {
  const plugin = logsPlugin(options);
  plugins.push(plugin);
  plugin.setup?.(harness.context);
  return { ...harness, plugin };
}

const messages = (harness: PluginHarness) => harness.events.map((event) => event.data.message);

describe("an existing logger", () => {
  test("keeps its destination, its lines and its identity", () => {
    const out = sink();
    const bare = pino({ base: null, timestamp: false }, out);
    bare.info({ a: 1 }, "before");
    const { plugin } = attach({ logger: bare });
    bare.info({ a: 1 }, "before");
    plugin.teardown?.();
    bare.info({ a: 1 }, "before");
    expect(out.lines).toEqual(Array(3).fill('{"level":30,"a":1,"msg":"before"}\n'));
    expect((bare as unknown as Record<symbol, unknown>)[pino.symbols.streamSym]).toBe(out);
  });

  test("is heard with all its children, also those made before and after", () => {
    const logger = pino({ base: null }, sink());
    const old = logger.child({ module: "old" }).child({ deep: true });
    const harness = attach({ logger });
    old.info("one");
    logger.child({ module: "new" }, { level: "debug" }).warn("two");
    expect(harness.events.map((event) => [event.data.module, event.data.message])).toEqual([
      ["old", "one"],
      ["new", "two"],
    ]);
  });

  test("only the part below a child is heard when a child is given", () => {
    const logger = pino({ base: null }, sink());
    const child = logger.child({ module: "api" });
    const harness = attach({ logger: child });
    logger.info("root");
    child.child({}).info("leaf");
    expect(messages(harness)).toEqual(["leaf"]);
    harness.plugin.teardown?.();
    child.info("after");
    expect(messages(harness)).toEqual(["leaf"]);
    expect(Object.getOwnPropertySymbols(child)).not.toContain(pino.symbols.streamSym);
  });

  test("its level applies first, minLevel second, and both may change", () => {
    const logger = pino({ level: "warn" }, sink());
    const harness = attach({ logger, minLevel: "debug" });
    logger.info("no");
    logger.level = "trace";
    logger.debug("yes");
    logger.trace("below minLevel");
    logger.level = "silent";
    logger.fatal("silent");
    expect(messages(harness)).toEqual(["yes"]);
  });

  test("all six levels arrive under their names, custom ones under theirs", () => {
    const logger = pino({ level: "trace", customLevels: { notice: 35 } }, sink());
    const harness = attach({ logger, minLevel: "trace" });
    for (const level of ["trace", "debug", "info", "notice", "warn", "error", "fatal"] as const) logger[level]("m");
    expect(harness.events.map((event) => event.data.level)).toEqual(["trace", "debug", "info", "notice", "warn", "error", "fatal"]);
    const fromNotice = attach({ logger, minLevel: "notice" });
    logger.info("no");
    logger.notice("yes");
    expect(messages(fromNotice)).toEqual(["yes"]);
  });

  test("redaction, serializers, formatters, nesting, message keys and write hooks have been applied", () => {
    const out = sink();
    const logger = pino(
      {
        base: null,
        redact: ["password"],
        messageKey: "text",
        nestedKey: "payload",
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ severity: label.toUpperCase() }) },
        hooks: { streamWrite: (line) => line.replaceAll("4111", "****") },
      },
      out,
    );
    const harness = attach({ logger });
    logger.error({ password: "p", card: "4111" }, "paid with 4111");
    expect(harness.events).toMatchObject([
      {
        data: {
          level: "error",
          message: "paid with ****",
          fields: { severity: "ERROR", payload: { password: "[Redacted]", card: "****" } },
        },
      },
    ]);
    expect(harness.events[0]?.ts).toMatch(/^\d{4}-.*Z$/);
    expect(JSON.parse(out.lines[0] ?? "")).toMatchObject({ text: "paid with ****" });
  });

  test("errors keep type, message and stack", () => {
    const logger = pino({ base: null }, sink());
    const harness = attach({ logger });
    logger.error(new TypeError("no user"));
    expect(harness.events[0]?.data).toMatchObject({
      message: "no user",
      fields: { err: { type: "TypeError", stack: expect.stringContaining("TypeError: no user") } },
    });
  });

  test("a destination that fails still fails, and the line is sent all the same", () => {
    const logger = pino(
      {
        base: null,
      },
      {
        write() {
          throw new Error("disk full");
        },
      },
    );
    const harness = attach({ logger });
    expect(() => logger.info("kept")).toThrow("disk full");
    expect(messages(harness)).toEqual(["kept"]);
  });

  test("flush, fatal's flushSync and state of the destination still reach it", () => {
    class Destination {
      #flushes = 0;
      lastError = "none";
      write() {}
      flushSync() {
        this.#flushes += 1;
      }
      flush(done: () => void) {
        this.#flushes += 1;
        done();
      }
      get flushes() {
        return this.#flushes;
      }
    }
    const destination = new Destination();
    const logger = pino({}, destination);
    attach({ logger });
    logger.fatal("f");
    logger.flush();
    const seen = (logger as unknown as Record<symbol, Destination>)[pino.symbols.streamSym]!;
    seen.lastError = "set";
    expect([destination.flushes, seen.flushes, destination.lastError, seen instanceof Destination]).toEqual([2, 2, "set", true]);
  });

  test("a multistream destination still splits by level", () => {
    const low = sink();
    const high = sink();
    const logger = pino(
      { base: null, timestamp: false },
      pino.multistream([
        { level: "info", stream: low },
        { level: "error", stream: high },
      ]),
    );
    const harness = attach({ logger });
    logger.info("a");
    logger.error("b");
    expect([low.lines.length, high.lines.length, messages(harness)]).toEqual([2, 1, ["a", "b"]]);
  });

  test("two clients may listen to one logger and stop in any order", () => {
    const out = sink();
    const logger = pino({ base: null }, out);
    const first = attach({ logger });
    const second = attach({ logger });
    logger.info("both");
    first.plugin.teardown?.();
    logger.info("second only");
    second.plugin.teardown?.();
    logger.info("none");
    expect([messages(first), messages(second), out.lines.length]).toEqual([["both"], ["both", "second only"], 3]);
  });
});

test("the pino function itself stands for every logger it makes", () => {
  const existing = pino({ base: null }, sink());
  const harness = attach({ logger: pino });
  existing.info("existing");
  pino({ base: null }, sink()).child({ module: "m" }).info("made later");
  expect(messages(harness)).toEqual(["existing", "made later"]);
  harness.plugin.teardown?.();
  existing.info("after");
  expect(messages(harness)).toHaveLength(2);
});

test("something that is no pino logger is refused with one clear error", () => {
  for (const logger of [undefined, null, {}, console, 7]) {
    expect(() => logsPlugin({ logger: logger as object })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  }
});

test("a level that does not exist is refused, one of the logger's own is not", () => {
  const logger = pino({ customLevels: { notice: 35 } }, sink());
  expect(() => logsPlugin({ logger, minLevel: "verbose" })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  expect(() => cuittyStream({ use() {} }, { minLevel: "notice" })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  expect(() => logsPlugin({ logger, minLevel: "notice" })).not.toThrow();
});

test("a name that is no option, and no options at all, are refused with one clear error", () => {
  const logger = pino({}, sink());
  const refused = (message: string) => expect.objectContaining({ code: "invalid_option", message: expect.stringContaining(message) });
  const options = { logger, level: "warn" };
  expect(() => logsPlugin(options)).toThrow(refused("logsPlugin: level is no option; expected logger, minLevel, service, messageKey"));
  expect(() => cuittyStream({ use() {} }, options as object)).toThrow(refused("cuittyStream: logger is no option"));
  expect(() => logsPlugin(undefined as never)).toThrow(refused("logsPlugin: logger: expected a pino logger"));
});

test("a line that is written because of a line is written, but not sent", () => {
  const out = sink();
  const logger = pino({ base: null }, out);
  const harness = createPluginHarness();
  const emitRaw: typeof harness.context.emitRaw = (...args) => {
    logger.warn("queue is full");
    harness.context.emitRaw(...args);
  };
  const plugin = logsPlugin({ logger });
  plugin.setup?.({ ...harness.context, emitRaw });
  logger.info("one");
  plugin.teardown?.();
  expect(messages(harness)).toEqual(["one"]);
  expect(out.lines).toHaveLength(2);
});

test("an emit that throws never reaches the caller of the logger", () => {
  const logger = pino({}, sink());
  const harness = createPluginHarness({
    emitRaw: () => {
      throw new Error("ours");
    },
  });
  attach({ logger }, harness);
  expect(() => logger.info("fine")).not.toThrow();
  expect(harness.debugLines).toHaveLength(1);
});

test("cuittyStream takes lines as a multistream destination, those before start too", () => {
  const harness = createPluginHarness();
  let plugin: CuittyPlugin | undefined;
  const stream = cuittyStream(
    {
      use: (given: CuittyPlugin) => {
        plugin = given;
      },
    },
    { service: "api" },
  );
  const out = sink();
  const logger = pino({ base: null }, pino.multistream([{ stream: out }, { level: "warn", stream }]));
  logger.warn("early");
  plugin?.setup?.(harness.context);
  logger.info("too low");
  logger.child({ module: "m" }).error("late");
  plugin?.teardown?.();
  logger.error("after");
  expect(harness.events.map((event) => [event.data.level, event.data.message, event.data.service])).toEqual([
    ["warn", "early", "api"],
    ["error", "late", "api"],
  ]);
  expect(out.lines).toHaveLength(4);
});

test("cuittyStream alone is a destination too, and a real stream beside it is not disturbed", async () => {
  const harness = createPluginHarness();
  const stream = cuittyStream({ use: (plugin: CuittyPlugin) => plugin.setup?.(harness.context) });
  pino({ base: null }, stream).info("alone");
  const chunks: string[] = [];
  const writable = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      chunks.push(String(chunk));
      done();
    },
  });
  const logger = pino({ base: null }, writable);
  const teed = attach({ logger });
  logger.info("x");
  expect([messages(harness), messages(teed), chunks.length]).toEqual([["alone"], ["x"], 1]);
});

test("the console still prints, is put back, and the client's own lines are left out", () => {
  const printed: unknown[][] = [];
  const original = console.info;
  console.info = (...args) => void printed.push(args);
  const mine = console.info;
  const harness = createPluginHarness();
  const plugin = consolePlugin({ minLevel: "info", service: "cli" });
  plugin.setup?.(harness.context);
  console.info("a %s %o", "b", { c: 1 }, [2]);
  console.info("[cuitty] sent 3");
  console.debug("low");
  plugin.teardown?.();
  expect(console.info).toBe(mine);
  console.info = original;
  expect(printed).toEqual([["a %s %o", "b", { c: 1 }, [2]], ["[cuitty] sent 3"]]);
  expect(harness.events.map((event) => event.data)).toEqual([
    { level: "info", message: 'a b {"c":1} [2]', module: "console", service: "cli" },
  ]);
});
