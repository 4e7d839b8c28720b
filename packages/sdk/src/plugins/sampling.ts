// The sampling plugin: keeps a part of the events of loud types, and all that matter.
import { isErrorLevel } from "@cuitty/wire-protocol/severity";
import type { CuittyPlugin, EmittedEvent } from "../plugin.ts";

export interface SamplingPluginOptions {
  /** Part that is kept by event type, from 0 to 1; types without one are all kept. @default none */
  readonly rates?: Readonly<Record<string, number>> | undefined;
  /** Events that are kept whatever the rate, besides errors. @default none */
  readonly keep?: ((event: EmittedEvent) => boolean) | undefined;
  /** Events of one key are kept or left out together. @default the trace id, else each event is decided alone */
  readonly keyOf?: ((event: EmittedEvent) => string | undefined) | undefined;
  /** From 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Trigger: every event, as a `before` hook. What is left out is counted by the client under `plugin`. Errors are never left out: events of type `error`,
 * logs of level error or worse (in any case; also err, critical, fatal, alert, emergency), audit events with a status of 500 or more.
 *
 * Expected event, with `rates: { log: 0 }`: a `log` event of level `info` is left out, one of level `error` passes unchanged:
 * ```json
 * { "type": "log", "data": { "level": "error", "message": "disk full" } }
 * ```
 */
export function samplingPlugin(options: SamplingPluginOptions = {}): CuittyPlugin {
  const { rates = {}, keep, keyOf = traceOf, random = Math.random } = options;
  return {
    name: "sampling",
    before(event) {
      const rate = Object.hasOwn(rates, event.type) ? rates[event.type] : undefined;
      if (rate === undefined || !(rate < 1) || isError(event) || keep?.(event)) return event;
      const key = keyOf(event);
      return (key === undefined ? random() : share(key)) < rate ? event : null;
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(event: EmittedEvent): Fields {
  return typeof event.data === "object" && event.data !== null ? (event.data as Fields) : {};
}

function isError(event: EmittedEvent): boolean {
  if (event.type === "error") return true;
  const { level, statusCode } = fieldsOf(event);
  return (event.type === "log" && isErrorLevel(level)) || (event.type === "audit" && typeof statusCode === "number" && statusCode >= 500);
}

function traceOf(event: EmittedEvent): string | undefined {
  const { traceId } = fieldsOf(event);
  return typeof traceId === "string" && traceId !== "" ? traceId : undefined;
}

/** A number from 0 to 1 that is the same for the same key in every process. Source: FNV-1a, 32 bits, with a final mix. */
function share(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
