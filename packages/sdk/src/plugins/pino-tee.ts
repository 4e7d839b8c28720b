// Listens to an existing pino logger in process: every finished line still goes to the logger's own destination, and then to us.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** A pino logger (root or child), or the `pino` function itself for every logger it makes. Structural: no dependency on pino. */
export type PinoLogger = object;

/** Told a finished line, its level number, and the logger that wrote it. */
export type LineListener = (line: string, level: number | undefined, logger: object | undefined) => void;

type Keyed = Record<PropertyKey, unknown>;
type Write = (this: unknown, ...args: unknown[]) => unknown;

// Pino's public mark of a destination that wants to know each line's level.
const metadata = Symbol.for("pino.metadata");
const facts = ["lastLevel", "lastObj", "lastMsg", "lastTime", "lastLogger"] as const;

/** Errors: `invalid_option` when `logger` is not a pino logger. */
export function assertPino(logger: unknown): asserts logger is PinoLogger {
  if (isFactory(logger) || (typeof logger === "object" && logger !== null && symbolOf(logger, "pino.stream") !== undefined)) return;
  throw new CuittyError(
    "invalid_option",
    `logsPlugin: logger: expected a pino logger such as pino(), got ${logger === null ? "null" : typeof logger}; for other loggers send "log" events with emit`,
    { details: { option: "logger" } },
  );
}

/** Starts listening to a logger and its children, present and future. The returned function stops it and puts things back. */
export function teePino(logger: PinoLogger, listener: LineListener): () => void {
  return isFactory(logger) ? teeFactory(logger as unknown as Factory, listener) : teeLogger(logger as Keyed, listener);
}

function teeLogger(logger: Keyed, listener: LineListener): () => void {
  const key = symbolOf(logger, "pino.stream") as symbol;
  const isOwn = Object.hasOwn(logger, key);
  const original = logger[key] as Keyed;
  const { wrapper, stop } = wrap(original, listener);
  // Children inherit the destination through their prototype, so one assignment reaches them all.
  logger[key] = wrapper;
  return () => {
    stop();
    // Somebody may have wrapped us meanwhile: then we stay in place, silent.
    if (logger[key] !== wrapper) return;
    if (isOwn) logger[key] = original;
    else delete logger[key];
  };
}

/** A stand-in for the destination: `write` is ours, all else (flushSync, on, end, state) is the destination's own. */
function wrap(destination: Keyed, listener: LineListener) {
  let isListening = true;
  const wantsFacts = destination[metadata] === true;
  const bound = new WeakMap<object, unknown>();
  const rest = new Proxy(destination, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "constructor") return value;
      // Methods of streams may use private state, which only the real object has.
      if (!bound.has(value)) bound.set(value, value.bind(target));
      return bound.get(value);
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });

  const wrapper = Object.create(rest) as Keyed;
  const own: Keyed = {
    [metadata]: true,
    lastLevel: undefined,
    lastObj: undefined,
    lastMsg: undefined,
    lastTime: undefined,
    lastLogger: undefined,
    write(line: unknown, ...more: unknown[]) {
      if (wantsFacts) for (const fact of facts) destination[fact] = wrapper[fact];
      try {
        return (destination.write as Write)(line, ...more);
      } finally {
        if (isListening && typeof line === "string") listener(line, levelOf(wrapper.lastLevel), wrapper.lastLogger as object | undefined);
      }
    },
  };
  for (const name of Reflect.ownKeys(own)) {
    Object.defineProperty(wrapper, name, { value: own[name], writable: true, configurable: true, enumerable: typeof name === "string" });
  }
  return {
    wrapper,
    stop: () => {
      isListening = false;
    },
  };
}

interface Factory {
  (options: object, destination: object): object;
  readonly symbols: Readonly<Record<string, symbol>>;
}

/** The `pino` function: its loggers share one prototype, whose internal write is where a logger not yet listened to is noticed. */
function teeFactory(pino: Factory, listener: LineListener): () => void {
  const writeKey = pino.symbols.writeSym as symbol;
  const streamKey = pino.symbols.streamSym as symbol;
  const shared = ownerOf(pino({ enabled: false }, { write() {} }), writeKey) as Keyed;
  const original = shared[writeKey] as Write;
  const wrappers = new WeakSet<object>();
  let isListening = true;
  const whileListening: LineListener = (line, level, logger) => {
    if (isListening) listener(line, level, logger);
  };

  function write(this: Keyed, ...args: unknown[]): unknown {
    const owner = isListening ? (ownerOf(this, streamKey) as Keyed | undefined) : undefined;
    if (owner !== undefined && !wrappers.has(owner[streamKey] as object)) {
      teeLogger(owner, whileListening);
      wrappers.add(owner[streamKey] as object);
    }
    return original.apply(this, args);
  }
  shared[writeKey] = write;
  return () => {
    // Loggers are not remembered, so that they can be collected: their wrappers stay and only pass lines on.
    isListening = false;
    if (shared[writeKey] === write) shared[writeKey] = original;
  };
}

function isFactory(value: unknown): boolean {
  return typeof value === "function" && typeof (value as unknown as Factory).symbols?.writeSym === "symbol";
}

function levelOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** Pino's symbols are private to each copy of it; their descriptions are not. */
export function symbolOf(object: object, description: string): symbol | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  return undefined;
}

function ownerOf(object: object, key: symbol): object | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) if (Object.hasOwn(at, key)) return at;
  return undefined;
}
