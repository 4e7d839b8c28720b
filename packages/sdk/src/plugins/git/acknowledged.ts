// Knows when events that were handed to the client have been acknowledged by the server.
import type { PluginContext } from "../../plugin.ts";

export interface Acknowledgement {
  /**
   * Resolves once a flush came to its end with the server in reach and none of our events lost; after a failed flush it waits for the next sign of life.
   * `onDelay` is called when it begins to wait. In a client that cannot flush for plugins it resolves at once. Errors: rejects when events were lost, or
   * when stopped first.
   */
  whenAll(eventCount: number, onDelay: () => void): Promise<void>;
  close(): void;
}

/** Starts watching; call it before the first event is emitted. */
export function watchAcknowledgement(context: PluginContext, signal: AbortSignal): Acknowledgement {
  let isLost = false;
  let isUnreachable = false;
  const stops = [
    context.on("drop", (detail) => {
      if ((detail as { type?: unknown }).type === "repository") isLost = true;
    }),
    context.on("breaker", (detail) => {
      isUnreachable = (detail as { state?: unknown }).state === "open";
    }),
  ];
  const close = () => {
    for (const stop of stops) stop();
  };
  signal.addEventListener("abort", close, { once: true });

  return {
    close,
    async whenAll(eventCount, onDelay) {
      if (eventCount === 0 || context.flush === undefined) return;
      for (let sent = 0; ; ) {
        const result = await context.flush();
        sent += result.sent;
        if (isLost) throw new Error("some events were lost");
        // Other parts of the app go on emitting, so "nothing is pending" need never be true.
        if (result.pending === 0 || (!isUnreachable && sent >= eventCount)) return;
        if (signal.aborted) throw new Error("stopped before the events were acknowledged");
        onDelay();
        await nextSent(context, signal);
      }
    },
  };
}

function nextSent(context: PluginContext, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      stop();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const stop = context.on("sent", wake);
    signal.addEventListener("abort", wake);
  });
}
