// A typed EventTarget on a file: events are committed rows, heard in every process that has the file open.
import { existsSync } from "node:fs";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { open, type StorageClient } from "../engine/open.ts";

/** Event types and the JSON values they carry. */
export type EventMap = Record<string, unknown>;

/** An event as listeners get it: `detail` is what was sent, `lastEventId` the notification's id, which only grows. */
export interface HonkerEvent<TType extends string = string, TDetail = unknown> extends CustomEvent<TDetail> {
  readonly type: TType;
  readonly lastEventId: number;
}

export type HonkerEventListener<TEvents extends EventMap, TType extends keyof TEvents & string> =
  | ((event: HonkerEvent<TType, TEvents[TType]>) => void)
  | { handleEvent(event: HonkerEvent<TType, TEvents[TType]>): void };

export interface HonkerListenerOptions {
  /** Remove the listener after its first event. @default false */
  readonly once?: boolean | undefined;
  /** Removes the listener when aborted; one that is aborted already adds nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** How details travel. The default is JSON. */
export interface EventSerializer {
  stringify(detail: unknown): unknown;
  parse(payload: unknown): unknown;
}

export interface HonkerEventTargetOptions {
  /** Stands before every event type to make its channel, so that several targets share one file. @default "" */
  readonly prefix?: string | undefined;
  /** Turns details into JSON values and back. @default none: details are JSON values */
  readonly serializer?: EventSerializer | undefined;
}

interface Registration {
  readonly listener: unknown;
  readonly once: boolean;
  readonly stopFollowing: () => void;
}

interface Channel {
  readonly type: string;
  readonly registrations: Registration[];
  stop: () => void;
}

const reopenAfterMs = 250;

/**
 * Listeners hear what is committed after they were added, in order, each event once; a rolled-back event is never heard.
 * Local listeners run right after the commit, in a microtask. The first listener of a type subscribes, the last one to go unsubscribes.
 * When the file is replaced, the target opens the path again and goes on with what the new file gets.
 */
export class HonkerEventTarget<TEvents extends EventMap = EventMap> {
  readonly #source: StorageClient;
  readonly #options: HonkerEventTargetOptions;
  readonly #channels = new Map<string, Channel>();
  /** The client that was opened after the file was replaced; ours to close. */
  #reopened: StorageClient | undefined;
  #stopWatching: (() => void) | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(client: StorageClient, options: HonkerEventTargetOptions = {}) {
    this.#source = client;
    this.#options = options;
  }

  /** As in the DOM: the same listener twice for one type counts once. Errors: `closed`. */
  addEventListener<TType extends keyof TEvents & string>(
    type: TType,
    listener: HonkerEventListener<TEvents, TType> | null,
    options: HonkerListenerOptions | boolean = {},
  ): void {
    const { once = false, signal } = typeof options === "boolean" ? {} : options;
    if (listener === null || signal?.aborted === true) return;
    const channel = this.#channels.get(type) ?? this.#subscribe(type);
    if (channel.registrations.some((registration) => registration.listener === listener)) return;
    const remove = () => this.removeEventListener(type, listener);
    signal?.addEventListener("abort", remove, { once: true });
    channel.registrations.push({ listener, once, stopFollowing: () => signal?.removeEventListener("abort", remove) });
  }

  removeEventListener<TType extends keyof TEvents & string>(
    type: TType,
    listener: HonkerEventListener<TEvents, TType> | null,
    _options?: unknown,
  ): void {
    const channel = this.#channels.get(type);
    const index = channel?.registrations.findIndex((registration) => registration.listener === listener) ?? -1;
    if (channel === undefined || index === -1) return;
    channel.registrations.splice(index, 1)[0]!.stopFollowing();
    if (channel.registrations.length === 0) this.#unsubscribe(channel);
  }

  /** Sends the event's `detail`; inside a transaction it goes out with the commit. Always true: it cannot be cancelled. Errors: those of `notify`. */
  dispatchEvent<TType extends keyof TEvents & string>(event: { readonly type: TType; readonly detail?: TEvents[TType] | null }): boolean {
    this.emit(event.type, event.detail as TEvents[TType]);
    return true;
  }

  /** `dispatchEvent` without the event object. Returns the notification's id. */
  emit<TType extends keyof TEvents & string>(type: TType, detail: TEvents[TType]): number {
    const { serializer } = this.#options;
    return this.#client.notify(this.#channelOf(type), serializer === undefined ? (detail ?? null) : serializer.stringify(detail));
  }

  /** Removes all listeners. The client stays open: it is the caller's. Idempotent. */
  close(): void {
    for (const channel of [...this.#channels.values()]) {
      for (const { stopFollowing } of channel.registrations.splice(0)) stopFollowing();
      this.#unsubscribe(channel);
    }
  }

  get #client(): StorageClient {
    return this.#reopened ?? this.#source;
  }

  #channelOf(type: string): string {
    return `${this.#options.prefix ?? ""}${type}`;
  }

  #subscribe(type: string): Channel {
    const channel: Channel = { type, registrations: [], stop: this.#listen(type) };
    this.#channels.set(type, channel);
    this.#stopWatching ??= this.#client.watch({ onCommit: () => {}, onLost: () => this.#reopen() });
    return channel;
  }

  #listen(type: string): () => void {
    return this.#client.listen(this.#channelOf(type), ({ id, payload }) => this.#deliver(type, id, payload));
  }

  #unsubscribe(channel: Channel): void {
    this.#channels.delete(channel.type);
    channel.stop();
    if (this.#channels.size > 0) return;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    clearTimeout(this.#retry);
    this.#reopened?.close();
    this.#reopened = undefined;
  }

  #deliver(type: string, id: number, payload: unknown): void {
    const { serializer } = this.#options;
    const detail = serializer === undefined ? payload : serializer.parse(payload);
    const event = Object.defineProperty(new CustomEvent(type, { detail }), "lastEventId", { value: id, enumerable: true });
    for (const { listener, once } of [...(this.#channels.get(type)?.registrations ?? [])]) {
      if (once) this.removeEventListener(type, listener as never);
      call(listener, event);
    }
  }

  /** The path leads to another file now, or to none yet. */
  #reopen(): void {
    for (const channel of this.#channels.values()) channel.stop();
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#reopened?.close();
    this.#reopened = undefined;
    if (!this.#tryOpen()) {
      this.#retry = setTimeout(() => this.#reopen(), reopenAfterMs);
      this.#retry.unref();
      return;
    }
    this.#stopWatching = this.#client.watch({ onCommit: () => {}, onLost: () => this.#reopen() });
    for (const channel of this.#channels.values()) channel.stop = this.#listen(channel.type);
  }

  #tryOpen(): boolean {
    const { path, engine } = this.#source;
    // Opening would make the file; a deleted one is waited for.
    if (!existsSync(path)) return false;
    try {
      this.#reopened = open(path, { engine });
      return true;
    } catch (error) {
      // Half written, or locked by who writes it: both pass. Another engine's claim does not.
      if (isCuittyError(error, "engine_conflict")) throw error;
      return false;
    }
  }
}

/** One listener's error is its own: the others still hear the event, and the process is told. */
function call(listener: unknown, event: Event): void {
  try {
    if (typeof listener === "function") listener(event);
    else (listener as { handleEvent(event: Event): void }).handleEvent(event);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.emitWarning(new CuittyError("listener_failed", `A listener of "${event.type}" threw: ${reason}`, { cause: error }));
  }
}
