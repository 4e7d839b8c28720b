// The console plugin: lines written with console.log and its siblings as `log` events; the console itself works as before.
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { LEVEL_NUMBERS, type LevelName } from "./log-level.ts";

export interface ConsolePluginOptions {
  /** Lowest level that is sent; `console.log` counts as info. @default "info" */
  readonly minLevel?: LevelName | undefined;
  /** Service of the events. */
  readonly service?: string | undefined;
}

const levels = { trace: "trace", debug: "debug", log: "info", info: "info", warn: "warn", error: "error" } as const;
type Method = keyof typeof levels;
const maxMessageChars = 16_384;

/**
 * Trigger: `console.log`, `info`, `warn`, `error`, `debug` and `trace`, while the client runs.
 *
 * Expected event, for `console.warn("disk at %d %", 91)`:
 * ```json
 * { "type": "log", "data": { "level": "warn", "message": "disk at 91 %", "module": "console" } }
 * ```
 * Lines of the client itself (`[cuitty] ...`) are left out.
 */
export function consolePlugin(options: ConsolePluginOptions = {}): CuittyPlugin {
  const minLevel = LEVEL_NUMBERS[options.minLevel ?? "info"];
  let restore: (() => void) | undefined;
  return {
    name: "console",
    setup(context) {
      restore?.();
      restore = wrapConsole(context, minLevel, options.service);
    },
    teardown() {
      restore?.();
      restore = undefined;
    },
  };
}

function wrapConsole(context: PluginContext, minLevel: number, service: string | undefined): () => void {
  let isInside = false;
  let isListening = true;

  function send(method: Method, args: readonly unknown[]): void {
    // Sending may itself write to the console (debug lines, listeners of the app).
    if (isInside || !isListening || LEVEL_NUMBERS[levels[method]] < minLevel) return;
    isInside = true;
    try {
      const message = format(args);
      if (!message.startsWith("[cuitty]"))
        context.emit({ type: "log", data: { level: levels[method], message, module: "console", service } });
    } catch {
      // An argument that cannot be shown is the console's to complain about.
    } finally {
      isInside = false;
    }
  }

  const undo = (Object.keys(levels) as Method[]).map((method) => {
    const original = console[method];
    const wrapped = (...args: unknown[]) => {
      original.apply(console, args);
      send(method, args);
    };
    console[method] = wrapped;
    return () => {
      if (console[method] === wrapped) console[method] = original;
    };
  });
  return () => {
    isListening = false;
    for (const each of undo) each();
  };
}

/** The text a console would show, on one line per argument list. Source: WHATWG Console, "Formatter" (s, d, i, f, o, O, j, c, %). */
function format(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  let used = 0;
  const head =
    typeof first === "string" && rest.length > 0
      ? first.replace(/%([sdifoOjc%])/g, (match, kind: string) => {
          if (kind === "%") return "%";
          if (used >= rest.length) return match;
          const value = rest[used++];
          if (kind === "c") return "";
          if (kind === "d" || kind === "f") return String(Number(value));
          return kind === "i" ? String(Math.trunc(Number(value))) : show(value);
        })
      : show(first);
  const text = args.length === 0 ? "" : [head, ...rest.slice(used).map(show)].join(" ");
  return text.length > maxMessageChars ? `${text.slice(0, maxMessageChars)}…` : text;
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.stack ?? String(value);
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
