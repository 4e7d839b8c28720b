// Hears of uncaught exceptions and unhandled rejections without changing what the host does about them.

/** Told what was thrown; `isFatal` when the process is about to end because of it. */
export type UncaughtListener = (thrown: unknown, isFatal: boolean) => void;

/** Listens in Node, Bun and browsers; the returned function stops it. */
export function onUncaught(listener: UncaughtListener): () => void {
  if (typeof process !== "undefined" && typeof process.on === "function") {
    return process.versions.bun === undefined ? onProcess(listener) : onBun(listener);
  }
  return typeof globalThis.addEventListener === "function" ? onWindow(listener) : () => {};
}

/**
 * `uncaughtExceptionMonitor` also hears of the rejections that end a process and changes nothing. Other rejections are those that the host handles with a
 * listener of its own: ours is there exactly as long as one of the host's is, because a lone listener would keep a process alive that ought to end.
 */
function onProcess(listener: UncaughtListener): () => void {
  const onException = (error: unknown) => listener(error, true);
  const onRejection = (reason: unknown) => listener(reason, false);
  const isNeutral = rejectionsNeverEnd();

  function adjust(): void {
    const all = process.listeners("unhandledRejection");
    const isOn = all.includes(onRejection);
    const isWanted = isNeutral || all.length > (isOn ? 1 : 0);
    if (isWanted && !isOn) process.on("unhandledRejection", onRejection);
    else if (!isWanted && isOn) process.removeListener("unhandledRejection", onRejection);
  }
  // `newListener` comes before the listener is there.
  const onNew = (name: string | symbol, added: unknown) => {
    if (name === "unhandledRejection" && added !== onRejection && !process.listeners("unhandledRejection").includes(onRejection)) {
      process.on("unhandledRejection", onRejection);
    }
  };
  const onRemoved = (name: string | symbol, removed: unknown) => {
    if (name === "unhandledRejection" && removed !== onRejection) adjust();
  };

  process.on("uncaughtExceptionMonitor", onException);
  adjust();
  process.on("newListener", onNew);
  process.on("removeListener", onRemoved);
  return () => {
    process.removeListener("newListener", onNew);
    process.removeListener("removeListener", onRemoved);
    process.removeListener("unhandledRejection", onRejection);
    process.removeListener("uncaughtExceptionMonitor", onException);
  };
}

/** Marks the listeners below, over all copies of this package. */
const bunMark = Symbol.for("cuitty.sdk.rejections");

/**
 * Bun's monitor hears of no rejection, and nobody hears of listeners that go. So ours is always there, before the host's own (a `once` listener would be gone
 * by then); where no other is, it goes, and the rejection happens again without it: the process ends as it would have.
 */
function onBun(listener: UncaughtListener): () => void {
  const onException = (error: unknown) => listener(error, true);
  const isNeutral = rejectionsNeverEnd();
  const onRejection = (reason: unknown) => {
    const isFatal = !isNeutral && process.listeners("unhandledRejection").every((other) => bunMark in other);
    listener(reason, isFatal);
    if (!isFatal) return;
    process.removeListener("unhandledRejection", onRejection);
    if (process.listenerCount("unhandledRejection") === 0) void Promise.reject(reason);
  };
  onRejection[bunMark] = true;
  process.on("uncaughtExceptionMonitor", onException);
  process.prependListener("unhandledRejection", onRejection);
  return () => {
    process.removeListener("unhandledRejection", onRejection);
    process.removeListener("uncaughtExceptionMonitor", onException);
  };
}

/** In the modes `warn` and `none` a listener makes no difference. Source: Node, "--unhandled-rejections=mode". */
function rejectionsNeverEnd(): boolean {
  const flags = [...(process.execArgv ?? []), ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)].join(" ");
  const modes = [...flags.matchAll(/--unhandled-rejections[= ](\S+)/g)].map((match) => match[1]);
  return modes.length > 0 && modes.every((mode) => mode === "warn" || mode === "none");
}

function onWindow(listener: UncaughtListener): () => void {
  const onError = (event: Event) => {
    const { error, message } = event as ErrorEvent;
    // Failed images and scripts are events without an error.
    if (error !== undefined || message !== undefined) listener(error ?? message, false);
  };
  const onRejection = (event: Event) => listener((event as PromiseRejectionEvent).reason, false);
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onRejection);
  return () => {
    globalThis.removeEventListener("error", onError);
    globalThis.removeEventListener("unhandledrejection", onRejection);
  };
}
