// Keeps the client's own requests from holding the process, from the first moment of their connection: whoever waits for a flush holds a timer.
import { createHook, executionAsyncId } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

interface Handle {
  unref?(): void;
}

interface Request {
  readonly headers?: unknown;
  readonly origin?: unknown;
}

/**
 * Watches what undici, which is behind Node's fetch, tells about each request; returns the function that stops it. Elsewhere nothing is told.
 * A connection that others may share is not let go: theirs would be let go with it. Where `mayShare`, every one that TLS begins is such.
 */
export function letGo(mayShare: boolean): () => void {
  let isNext = false;

  /** Undici connects, where it must, in a microtask that it queues in the turn in which it tells of the request. */
  function onCreate(message: unknown): void {
    const { headers, origin } = (message as { request: Request }).request;
    if (!isOurs(headers) || (mayShare && String(origin).startsWith("https:"))) return;
    queueMicrotask(() => {
      isNext = true;
      queueMicrotask(() => {
        isNext = false;
      });
    });
  }

  function onConnect(): void {
    if (!isNext) return;
    isNext = false;
    catchHandles(release);
  }

  function onSend(message: unknown): void {
    const { headers, socket } = message as { headers?: unknown; socket?: Handle & { readonly alpnProtocol?: unknown } };
    if (isOurs(headers) && socket?.alpnProtocol !== "h2") socket?.unref?.();
  }

  const listeners = Object.entries({ "request:create": onCreate, "client:beforeConnect": onConnect, "client:sendHeaders": onSend });
  for (const [name, listener] of listeners) subscribe(`undici:${name}`, listener);
  return () => {
    for (const [name, listener] of listeners) unsubscribe(`undici:${name}`, listener);
  };
}

const isOurs = (headers: unknown): boolean => /\bx-cuitty-idempotency-key\b/i.test(String(headers));

/** Calls `give` with the first socket handle and the first timer (of the connection) that are made before this call of a function ends. */
function catchHandles(give: (handle: Handle) => void): void {
  const scope = executionAsyncId();
  const caught = new Map<string, Handle>();
  const hook = createHook({
    init(_id, type, _trigger, handle) {
      if ((type === "TCPWRAP" || type === "Timeout") && executionAsyncId() === scope && !caught.has(type)) caught.set(type, handle);
    },
  }).enable();
  queueMicrotask(() => {
    hook.disable();
    // Not earlier: a handle that is told of is not finished.
    for (const handle of caught.values()) give(handle);
  });
}

/** A socket that tries one address after the other has a new handle for each. */
function release(handle: Handle): void {
  handle.unref?.();
  const owner = Object.getOwnPropertySymbols(handle).find(({ description }) => description === "owner_symbol");
  const socket = owner && (handle as { [key: symbol]: Socket | undefined })[owner];
  socket?.on?.("connectionAttempt", () => socket.unref());
}
