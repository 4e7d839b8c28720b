// Hints between writers and readers: "there is something new up to this seq". The database carries the truth, so a lost hint costs only time.

/** Something was committed. Readers page their own file; they never trust the content. */
export interface BusHint {
  /** Highest seq that may be there now; 0 when the sender does not know. */
  readonly seq: number;
}

/**
 * Two methods, lossy, at most once. Topics are `<module topic>:<projectId>`, and `keys` for a changed or revoked key.
 * In-process by default; Honker, NATS, Redis or Postgres fit behind the same port.
 */
export interface Bus {
  /** Never throws and never waits; a hint that cannot be sent is dropped. */
  publish(topic: string, hint: BusHint): void;
  /** @returns the unsubscriber, idempotent. A listener that throws harms no other. */
  subscribe(topic: string, listener: (hint: BusHint) => void): () => void;
  /** Named in the health report. */
  readonly name: string;
  close?(): Promise<void> | void;
}

export type BusListener = (hint: BusHint) => void;

/** Topic of a module's stream in one project. */
export function streamTopic(topic: string, projectId: string): string {
  return `${topic}:${projectId}`;
}

/** Topic on which key and project changes are announced. */
export const KEYS_TOPIC = "keys";

/** A bus for one process; listeners run in the order they subscribed, in the same turn. */
export function createProcessBus(): Bus {
  const listenersByTopic = new Map<string, Set<BusListener>>();
  return {
    name: "process",
    publish(topic, hint) {
      const listeners = listenersByTopic.get(topic);
      if (!listeners) return;
      for (const listener of [...listeners]) callSafely(listener, hint);
    },
    subscribe(topic, listener) {
      const listeners = listenersByTopic.get(topic) ?? new Set<BusListener>();
      listenersByTopic.set(topic, listeners);
      // Wrapped, so that one function may subscribe twice and unsubscribe each alone.
      const entry: BusListener = (hint) => listener(hint);
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
        if (listeners.size === 0 && listenersByTopic.get(topic) === listeners) listenersByTopic.delete(topic);
      };
    },
  };
}

function callSafely(listener: BusListener, hint: BusHint): void {
  try {
    listener(hint);
  } catch (error) {
    // A reader's fault must harm neither the writer nor the host; it is shown as Node shows warnings.
    process.emitWarning(`a bus listener threw: ${error instanceof Error ? error.message : String(error)}`, "CuittyWarning");
  }
}
