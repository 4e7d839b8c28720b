// What a client does when its process ends, without changing how it ends.
import { type Batch, seal } from "../batcher.ts";
import type { Core, Engine } from "../core.ts";

type Counted = { readonly count?: number } | undefined;
type Hooks = Readonly<Record<string, (signal: NodeJS.Signals) => void>>;

interface Registry {
  readonly cores: Set<Core>;
  hooks?: Hooks | undefined;
}

/** Watches for the end of the process; returns the function that stops it. */
export function watchExit(core: Core): () => void {
  // Over all copies of this package: two sets of signal listeners would each leave the signal to the other.
  const registries = globalThis as { [key: symbol]: Registry | undefined };
  const key = Symbol.for("cuitty.sdk.exit");
  registries[key] ??= { cores: new Set() };
  const shared = registries[key];
  shared.cores.add(core);
  if (!shared.hooks) {
    shared.hooks = createHooks(shared.cores);
    for (const name in shared.hooks) {
      // First in line for a signal, whose name alone is in capitals: a host's `once` listener is gone from the list by the time it runs.
      (process as NodeJS.EventEmitter)[name < "a" ? "prependListener" : "on"](name, shared.hooks[name] as () => void);
    }
  }
  return () => {
    shared.cores.delete(core);
    if (shared.cores.size) return;
    for (const name in shared.hooks) process.off(name, shared.hooks[name] as () => void);
    shared.hooks = undefined;
  };
}

function createHooks(cores: Set<Core>): Hooks {
  /** Events emitted when a core was last flushed for a natural end: it is not flushed twice for the same ones. */
  const flushed = new Map<Core, number>();
  let ending: NodeJS.Signals | undefined;

  const spillAll = (): void => cores.forEach(spill);

  function onBeforeExit(): void {
    for (const core of cores) {
      const { counters } = core.stats;
      if (flushed.get(core) === counters.emitted) continue;
      core.gather();
      flushed.set(core, counters.emitted);
      if (core.held.events) void finish(core);
    }
  }

  async function onSignal(signal: NodeJS.Signals): Promise<void> {
    // Where somebody else listens, the end of the process is theirs to decide.
    if (process.listenerCount(signal) - bystanders() > 1) return;
    // Not in this turn: a bystander that finds itself alone ends the process at once.
    await undefined;
    // Before anything is waited for. The same signal again, from somebody impatient or a supervisor that forwards it, waits for nothing.
    spillAll();
    if (ending !== signal) {
      ending = signal;
      await Promise.all([...cores].map((core) => finish(core, true)));
      spillAll();
    }
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  }

  return {
    beforeExit: onBeforeExit,
    exit: () => cores.forEach(spillFromNowOn),
    uncaughtExceptionMonitor: spillAll,
    SIGTERM: onSignal,
    SIGINT: onSignal,
    SIGHUP: onSignal,
  };
}

/** Listeners of the package signal-exit (its versions to 3, and from 4) on one signal: they end the process only when nobody else listens. */
function bystanders(): number {
  const { __signal_exit_emitter__: old } = process as { __signal_exit_emitter__?: Counted };
  const current = (globalThis as { [key: symbol]: Counted })[Symbol.for("signal-exit emitter")];
  return (old?.count ?? 0) + (current?.count ?? 0);
}

/** An engine that is still being loaded is waited for. */
const finish = async ({ load }: Core, isSignal?: boolean): Promise<void> => (await load())?.finish?.(isSignal);

/** Spills, and again with each event of the host's own exit listeners: those that were added later are called after ours. */
function spillFromNowOn(core: Core): void {
  const { engine } = core.state;
  spill(core);
  const touch = (): void => {
    spill(core);
    engine?.touch();
  };
  core.state.engine = { ...engine, touch } as Engine;
}

/** Writes everything held to the spool, at once. What is stored already is left alone. */
function spill(core: Core): void {
  const { state, waiting, flying, take } = core;
  if (!state.spool) return;
  core.gather();
  for (let events = take(); events.length; events = take()) waiting.push(seal(events));
  for (const batch of [...flying, ...waiting]) {
    // Without an engine there is no keeper.
    if (state.keeper) void state.keeper.store(batch);
    else if (!batch.isStored) void put(core, batch);
  }
}

/**
 * What is awaited nowhere must not reject, nor throw: it runs to the end of `put` at once where that is not asynchronous. Where it is, an engine that is
 * still being loaded stores the batch once more, under the same key, and waits for that.
 */
async function put({ state, stats }: Core, batch: Batch): Promise<void> {
  try {
    const storing = state.spool?.put(batch);
    batch.isStored = !storing;
    await storing;
  } catch (error) {
    stats.log("the spool failed", true, error);
  }
}
