// What happened to the events: counters by reason and type, listeners, and at most one warning a minute.
import { maxNameChars, maxNesting, maxTypes, warningIntervalMs } from "./limits.ts";

/** Why an event was lost. */
export type DropReason =
  | "queue_overflow"
  | "too_large"
  | "unserializable"
  | "plugin"
  | "plugin_error"
  | "rejected"
  | "http_4xx"
  | "retries_exhausted"
  | "expired"
  | "spool_full"
  | "closed";

/** One lost event. */
export interface DropDetail {
  readonly reason: DropReason;
  readonly type: string;
  /** What the server or the runtime said about it. */
  readonly message?: string;
}

/** A batch that is tried again. */
export interface RetryDetail {
  readonly key: string;
  /** Failed tries so far. */
  readonly tries: number;
  readonly delayMs: number;
  /** 0 when there was no usable reply. */
  readonly status: number;
}

/** A batch that the server has acknowledged. Counts are events. */
export interface SentDetail {
  readonly key: string;
  readonly accepted: number;
  readonly rejected: number;
}

/** Sending was stopped, or goes on. */
export interface BreakerDetail {
  readonly state: "open" | "closed";
  /** How long nothing is sent. Units: ms. */
  readonly delayMs: number;
  readonly status: number;
}

/** What `on` tells, by name. */
export interface ClientEvents {
  readonly drop: DropDetail;
  readonly retry: RetryDetail;
  readonly sent: SentDetail;
  readonly breaker: BreakerDetail;
}

/** Counters since creation. `emitted + restored = sent + rejected + dropped + pending` at any time. */
export interface ClientStats {
  readonly emitted: number;
  /** Events taken over from the spool of an earlier process, less those that another process took over from this one. */
  readonly restored: number;
  /** Acknowledged by the server as durable. */
  readonly sent: number;
  /** Refused one by one by the server. */
  readonly rejected: number;
  /** Lost for any other reason. */
  readonly dropped: number;
  /** Losses by reason, then by event type; refused ones are under `rejected`. */
  readonly drops: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Held in memory or in the spool by this client. */
  readonly pending: number;
  /** Held in memory. Units: UTF-8 bytes of JSON. */
  readonly bytes: number;
  readonly requests: number;
  readonly retries: number;
  readonly pluginErrors: number;
  readonly breaker: "open" | "closed";
}

/** Counters, listeners and log of a client. */
export type Stats = ReturnType<typeof createStats>;

export function createStats(isDebug: boolean, write: (line: string) => void) {
  const counters = { emitted: 0, restored: 0, sent: 0, rejected: 0, dropped: 0, requests: 0, retries: 0, pluginErrors: 0 };
  const drops: Record<string, Record<string, number>> = {};
  const listeners = new Set<readonly [name: string, listener: (detail: never) => void]>();
  let quietUntilMs = 0;
  let nesting = 0;

  /** Prints a line when debugging; a warning also otherwise, at most one a minute. Message and error may be anything, even what has no text. */
  const log = (message: string, isWarning?: boolean, error?: unknown): void => {
    const nowMs = performance.now();
    if (!isDebug && !(isWarning && nowMs >= quietUntilMs)) return;
    if (isWarning) quietUntilMs = nowMs + warningIntervalMs;
    let line = "[cuitty] ";
    try {
      line += message;
      if (error) line += `: ${error}`;
    } catch {
      // Said without.
    }
    // One line, also where a server's text has line breaks, or escapes that a terminal would act on.
    write(line.replace(/\p{Cc}/gu, " "));
  };

  const failed = (error: unknown): void => log("a listener threw", false, error);

  const fire = <Name extends keyof ClientEvents>(name: Name, detail: ClientEvents[Name]): void => {
    if (isDebug) log(`${name} ${JSON.stringify(detail)}`);
    if (nesting >= maxNesting) return;
    nesting++;
    for (const [wanted, listener] of listeners) {
      try {
        // An async listener that rejects must not end in an unhandled rejection.
        if (wanted === name) (listener(detail as never) as Promise<unknown> | undefined)?.catch?.(failed);
      } catch (error) {
        failed(error);
      }
    }
    nesting--;
  };

  const drop = (reason: DropReason, type: string, message = ""): void => {
    counters[reason === "rejected" ? reason : "dropped"]++;
    // Without a prototype: an event type may be called `constructor`.
    drops[reason] ??= Object.create(null) as Record<string, number>;
    const byType = drops[reason];
    let name = type.slice(0, maxNameChars);
    if (!byType[name] && Object.keys(byType).length >= maxTypes) name = "other";
    byType[name] = (byType[name] || 0) + 1;
    log(`lost: ${reason} ${message}`, reason !== "plugin");
    fire("drop", { reason, type, message });
  };

  const on = (name: string, listener: (detail: never) => void): (() => void) => {
    const entry = [name, listener] as const;
    listeners.add(entry);
    return () => listeners.delete(entry);
  };

  return { counters, drops, log, fire, drop, on };
}
