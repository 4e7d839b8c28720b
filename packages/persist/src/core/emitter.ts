// The store's own notices: conflicts, sync rounds, key rotation and errors nobody awaits.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { tellAll } from "./safely.ts";

/** What `store.events.on` tells, by name. */
export interface StoreNotices {
  /** Two peers changed one key; needs `sync`. */
  readonly conflict: { readonly key: string; readonly local: unknown; readonly remote: unknown; readonly resolved: unknown };
  /** A sync round ended; needs `sync`. */
  readonly sync: { readonly pushed: number; readonly pulled: number };
  /** Something failed that no caller awaits: background work, a listener. */
  readonly error: CuittyError;
  /** Progress of a key rotation. */
  readonly rotation: RotationProgress;
}

/** How far a key rotation is. */
export interface RotationProgress {
  readonly epoch: number;
  /** Values sealed anew so far by this run. */
  readonly resealed: number;
  /** Values looked at so far by this run. */
  readonly checked: number;
  readonly done: boolean;
}

export type NoticeType = keyof StoreNotices;
const noticeTypes: readonly NoticeType[] = ["conflict", "sync", "error", "rotation"];

export interface Emitter {
  on<T extends NoticeType>(type: T, listener: (notice: StoreNotices[T]) => void): () => void;
  off<T extends NoticeType>(type: T, listener: (notice: StoreNotices[T]) => void): void;
  emit<T extends NoticeType>(type: T, notice: StoreNotices[T]): void;
  /** Emits `error` with any thrown thing. */
  fail(error: unknown): void;
}

const noListeners: ReadonlySet<(notice: never) => unknown> = new Set();

export function createEmitter(): Emitter {
  const listeners = new Map<NoticeType, Set<(notice: never) => void>>();

  function emit<T extends NoticeType>(type: T, notice: StoreNotices[T]): void {
    // A listener for errors that throws itself has nobody left to tell.
    const onError = type === "error" ? () => undefined : fail;
    tellAll(listeners.get(type) ?? noListeners, (listener) => listener(notice as never), onError);
  }

  function fail(error: unknown): void {
    emit("error", asCuittyError(error));
  }

  return {
    on(type, listener) {
      if (!noticeTypes.includes(type)) {
        throw new CuittyError(
          "invalid_option",
          `events.on knows ${noticeTypes.map((name) => `"${name}"`).join(", ")}, got ${JSON.stringify(type)}`,
        );
      }
      if (typeof listener !== "function")
        throw new CuittyError("invalid_option", `the listener must be a function, got ${typeof listener}`);
      const set = listeners.get(type) ?? new Set();
      listeners.set(type, set);
      set.add(listener as (notice: never) => void);
      return () => set.delete(listener as (notice: never) => void);
    },
    off(type, listener) {
      listeners.get(type)?.delete(listener as (notice: never) => void);
    },
    emit,
    fail,
  };
}

function asCuittyError(error: unknown): CuittyError {
  if ((error as Error | undefined)?.name === "CuittyError") return error as CuittyError;
  return new CuittyError("background_failed", "work that nobody awaits failed; see `cause`", { cause: error });
}
