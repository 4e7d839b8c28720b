// The shared suite of all plugins, and the harness they are tested on: a plugin context that keeps what it is given.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { CuittyPlugin, EmittedEvent, PluginContext, RequestRecord } from "../plugin.ts";

/** An event as it would be on the wire, `data` already through JSON. */
export interface SeenEvent {
  readonly type: string;
  readonly ts: string | undefined;
  readonly data: Record<string, unknown>;
}

export interface PluginHarness {
  readonly context: PluginContext;
  readonly events: SeenEvent[];
  readonly debugLines: string[];
  /** What the client tells its listeners. */
  tell(event: "drop" | "retry" | "sent" | "breaker", detail: unknown): void;
  listenerCount(): number;
}

/** Collects events the way a client would: serialised at once, raw ones checked to be JSON objects. */
export function createPluginHarness(overrides: Partial<PluginContext> = {}): PluginHarness {
  const events: SeenEvent[] = [];
  const debugLines: string[] = [];
  const listeners = new Map<string, Set<(detail: unknown) => void>>();

  function keep(type: string, ts: string | undefined, dataJson: string): void {
    const data: unknown = JSON.parse(dataJson);
    if (typeof data !== "object" || data === null || Array.isArray(data)) throw new Error(`data of ${type} is no object: ${dataJson}`);
    events.push({ type, ts, data: data as Record<string, unknown> });
  }

  const context: PluginContext = {
    emit: (event: EmittedEvent) => keep(event.type, isoOf(event.timestamp), JSON.stringify(event.data)),
    emitRaw: keep,
    on(event, listener) {
      const all = listeners.get(event) ?? new Set();
      listeners.set(event, all.add(listener));
      return () => all.delete(listener);
    },
    portalUrl: "http://127.0.0.1:7700",
    projectId: "proj_01",
    debug: (message) => debugLines.push(message),
    now: () => Date.now(),
    ...overrides,
  };
  return {
    context,
    events,
    debugLines,
    tell: (event, detail) => {
      for (const listener of listeners.get(event) ?? []) listener(detail);
    },
    listenerCount: () => [...listeners.values()].reduce((sum, all) => sum + all.size, 0),
  };
}

function isoOf(timestamp: string | Date | undefined): string | undefined {
  if (!(timestamp instanceof Date)) return timestamp;
  return Number.isNaN(timestamp.getTime()) ? undefined : timestamp.toISOString();
}

export const exampleRequest: RequestRecord = {
  method: "PUT",
  path: "/notes/7",
  route: "/notes/:id",
  statusCode: 200,
  durationMs: 32.25,
  ip: "203.0.113.5",
  userAgent: "curl/8.0",
  startedAtMs: Date.UTC(2026, 3, 27, 12, 34, 56),
  context: undefined,
};

/** What the suite needs to know of a plugin. */
export interface PluginCase {
  /** File name under `src/plugins`, without `.ts`. */
  readonly file: string;
  /** A fresh plugin, as a user would make it. */
  readonly create: () => CuittyPlugin | Promise<CuittyPlugin>;
  /** Makes the plugin emit the event of its docblock, or for a `before` plugin takes an event through it. */
  readonly trigger: (plugin: CuittyPlugin, harness: PluginHarness) => void | Promise<void>;
  /** The event of the docblock; extra fields of the real one are allowed. */
  readonly expected: { readonly type: string; readonly data: Record<string, unknown> };
}

const hostileEvents: readonly EmittedEvent[] = [
  { type: "log", data: null },
  { type: "log", data: 7n },
  { type: "log", data: new Proxy({}, { ownKeys: () => fail(), get: () => fail() }) },
  {
    type: "log",
    data: {
      get boom(): never {
        return fail();
      },
    },
  },
  { type: "log", data: circular() },
  undefined as unknown as EmittedEvent,
];

const hostileRecords = [
  undefined,
  {},
  { method: 7, path: null, durationMs: Number.NaN, startedAtMs: Number.NaN },
] as unknown as RequestRecord[];

/** Runs the contract that every plugin keeps. A `before` hook may throw on a hostile event (the client counts it), everything else may not. */
export function testPlugin({ file, create, trigger, expected }: PluginCase): void {
  describe(`plugin ${file} keeps the contract`, () => {
    test("emits the event of its docblock", async () => {
      const plugin = await create();
      const harness = createPluginHarness();
      plugin.setup?.(harness.context);
      await trigger(plugin, harness);
      plugin.teardown?.();
      const seen = harness.events.find((event) => event.type === expected.type);
      expect(seen, JSON.stringify(harness.events)).toMatchObject(expected);
      if (seen?.ts !== undefined) expect(new Date(seen.ts).toString()).not.toBe("Invalid Date");
    });

    test("hooks are safe before setup, after teardown and in any number", async () => {
      const plugin = await create();
      const harness = createPluginHarness();
      plugin.flush?.();
      plugin.request?.(exampleRequest);
      plugin.teardown?.();
      plugin.setup?.(harness.context);
      for (let i = 0; i < 3; i += 1) plugin.flush?.();
      plugin.teardown?.();
      plugin.teardown?.();
      const count = harness.events.length;
      plugin.flush?.();
      plugin.request?.(exampleRequest);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(harness.events.length).toBe(count);
      expect(harness.listenerCount()).toBe(0);
    });

    test("can be set up again after teardown", async () => {
      const plugin = await create();
      plugin.setup?.(createPluginHarness().context);
      plugin.teardown?.();
      const harness = createPluginHarness();
      plugin.setup?.(harness.context);
      await trigger(plugin, harness);
      plugin.teardown?.();
      expect(harness.events.some((event) => event.type === expected.type)).toBe(true);
    });

    test("hostile input neither throws out of a request hook nor hangs", async () => {
      const plugin = await create();
      const harness = createPluginHarness();
      plugin.setup?.(harness.context);
      for (const record of hostileRecords) plugin.request?.(record ?? ({} as RequestRecord));
      for (const event of hostileEvents) {
        try {
          plugin.before?.(event);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
      plugin.teardown?.();
    });

    test("importing does no work and holds no process", () => {
      const path = fileURLToPath(new URL(`./${file}.ts`, import.meta.url));
      // Timers, listeners and handles of the process before and after the import; the loader's own are gone by then.
      const script = `
        const listeners = () => JSON.stringify(process.eventNames().map(String).map((name) => [name, process.listenerCount(name)]).sort());
        const before = [listeners(), process.getActiveResourcesInfo().filter((name) => name === "Timeout").length];
        await import(${JSON.stringify(path)});
        const after = [listeners(), process.getActiveResourcesInfo().filter((name) => name === "Timeout").length];
        console.log(JSON.stringify({ before, after }));`;
      const child = spawnSync(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script], {
        encoding: "utf8",
        timeout: 20_000,
      });
      expect(child.status, child.stderr).toBe(0);
      const { before, after } = JSON.parse(child.stdout.trim()) as { before: unknown; after: unknown };
      expect(after).toEqual(before);
    });
  });
}

function fail(): never {
  throw new Error("hostile");
}

function circular(): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}
