// Collects the writes of one turn into as few atomic batches as possible, in order, and tells each writer when its own is durable.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import {
  type AdapterCapabilities,
  type AdapterChange,
  type AdapterCondition,
  type AdapterOp,
  capabilitiesOf,
  type PersistAdapter,
} from "../adapter.ts";
import { type Awaitable, isPromise } from "../crypto/bytes.ts";
import { asWriteError } from "./adapter-error.ts";
import { endOfTurn } from "./turn.ts";

const maxGroupOps = 1_600;
const maxGroupBytes = 4 * 1024 * 1024;
/** Concurrent calls into an adapter without batches. */
const maxParallelOps = 16;
/** Batches of a lone writer in a row before the event loop turns. */
const maxBatchesATurn = 4;

export interface WriteUnit {
  /** Ids of the addresses it touches, for reads that must wait for it. */
  readonly ids: readonly string[];
  readonly ops: Awaitable<readonly AdapterOp[]>;
  readonly changes: readonly AdapterChange[];
  /** Written by itself, and only if they hold: otherwise it fails with `conflict`. */
  readonly conditions?: readonly AdapterCondition[] | undefined;
}

export interface Writer {
  /** Resolves when every change of the unit is durable; they commit together or not at all where the adapter can. */
  commit(unit: WriteUnit): Promise<void>;
  /** Resolves when the writes to that address which were queued before the call are done; undefined when there are none. */
  settled(id: string): Promise<void> | undefined;
  /** Resolves when everything queued before the call is done. */
  idle(): Promise<void> | undefined;
  /** Called for each id as its write is queued. Returns the unsubscriber. */
  onQueued(listener: (id: string) => void): () => void;
  readonly pending: number;
}

interface Queued extends WriteUnit {
  readonly done: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

type Ready = { readonly unit: Queued; readonly ops: readonly AdapterOp[] };

/** Whoever calls these hears of no error of theirs: they must not throw. */
export interface WriterEvents {
  onCommitted(changes: readonly AdapterChange[]): void;
  /** What a write that failed was to change: the adapter may have done some of it. */
  onFailed(changes: readonly AdapterChange[]): void;
}

export function createWriter(adapter: PersistAdapter, { onCommitted, onFailed }: WriterEvents): Writer {
  const capabilities: AdapterCapabilities = capabilitiesOf(adapter);
  const lastById = new Map<string, Promise<void>>();
  const listeners = new Set<(id: string) => void>();
  const queue: Queued[] = [];
  const waiting: { readonly until: number; resolve(): void }[] = [];
  let isDraining = false;
  let pending = 0;
  /** Units queued so far, and how many of them, in that order, are done. */
  let queued = 0;
  let done = 0;
  let lastTaken = 0;
  let batchesThisTurn = 0;

  /**
   * After the poll phase: what all callbacks of this turn write shares one commit, and a loop of awaited puts starves nobody.
   * A writer that was alone the last time is likely to be so again: most of the times it waits only for what is called together with it.
   */
  async function gather(): Promise<void> {
    if (lastTaken === 1 && batchesThisTurn < maxBatchesATurn) {
      batchesThisTurn++;
      return;
    }
    batchesThisTurn = 1;
    await endOfTurn();
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      await gather();
      const taken = queue.splice(0, maxGroupOps);
      lastTaken = taken.length;
      const ready = await readyOf(taken);
      for (const group of ready.length === 1 ? [ready] : groupsOf(ready)) {
        await write(group);
      }
      done += taken.length;
      while (waiting.length > 0 && waiting[0]!.until <= done) waiting.shift()!.resolve();
    }
    isDraining = false;
  }

  function write(group: readonly Ready[]): Promise<void> {
    const [first] = group;
    if (first?.unit.conditions) return writeIf(first, first.unit.conditions);
    return capabilities.atomicBatch ? writeGroup(group) : writeEach(group);
  }

  /** The units whose changes could be made; of the others the writer hears at once. */
  async function readyOf(taken: readonly Queued[]): Promise<Ready[]> {
    const ready: Ready[] = [];
    for (const unit of taken) {
      try {
        ready.push({ unit, ops: isPromise(unit.ops) ? await unit.ops : (unit.ops as readonly AdapterOp[]) });
      } catch (error) {
        fail(unit, error);
      }
    }
    return ready;
  }

  /** A group that fails is rolled back and each unit tried alone, so that one unit's failure is its own. */
  async function writeGroup(group: readonly Ready[]): Promise<void> {
    try {
      await adapter.batch!(group.length === 1 ? group[0]!.ops : group.flatMap(({ ops }) => ops));
    } catch (error) {
      if (group.length === 1) return fail(group[0]!.unit, error);
      for (const one of group) await writeGroup([one]);
      return;
    }
    for (const { unit } of group) succeed(unit);
  }

  async function writeIf({ unit, ops }: Ready, conditions: readonly AdapterCondition[]): Promise<void> {
    try {
      if (await adapter.batchIf!(conditions, ops)) succeed(unit);
      else fail(unit, new CuittyError("conflict", "what was read was written by others meanwhile; try again", { retryable: true }));
    } catch (error) {
      fail(unit, error);
    }
  }

  /** Changes of one key stay in order; different keys run side by side. */
  async function writeEach(group: readonly Ready[]): Promise<void> {
    const lastByKey = new Map<string, Promise<unknown>>();
    const active = new Set<Promise<void>>();
    for (const { unit, ops } of group) {
      const before = Promise.all(ops.map((op) => lastByKey.get(op.key)));
      const run = before
        .then(async () => {
          for (const op of ops) await (op.type === "put" ? adapter.put(op.key, op.value) : adapter.delete(op.key));
        })
        .then(
          () => succeed(unit),
          (error: unknown) => fail(unit, error),
        );
      for (const op of ops) lastByKey.set(op.key, run);
      active.add(run);
      void run.then(() => active.delete(run));
      if (active.size >= maxParallelOps) await Promise.race(active);
    }
    await Promise.all(active);
  }

  function settle(unit: Queued): void {
    pending--;
    for (const id of unit.ids) if (lastById.get(id) === unit.done) lastById.delete(id);
  }

  function succeed(unit: Queued): void {
    settle(unit);
    unit.resolve();
    onCommitted(unit.changes);
  }

  /** The error may be anything, `undefined` too: an adapter may reject without a reason. */
  function fail(unit: Queued, error: unknown): void {
    settle(unit);
    onFailed(unit.changes);
    unit.reject(asWriteError(error));
  }

  return {
    commit(unit) {
      const added = queuedUnit(unit);
      // Whoever awaits the write hears of a failure; a reader that only waits for it must not raise a second one.
      added.done.catch(() => undefined);
      for (const id of unit.ids) {
        lastById.set(id, added.done);
        for (const listener of listeners) listener(id);
      }
      if (isPromise(unit.ops)) (unit.ops as Promise<unknown>).catch(() => undefined);
      pending++;
      queued++;
      queue.push(added);
      if (!isDraining) {
        isDraining = true;
        void drain();
      }
      return added.done;
    },
    settled: (id) => lastById.get(id)?.catch(() => undefined),
    idle: () => (done === queued ? undefined : new Promise<void>((resolve) => waiting.push({ until: queued, resolve }))),
    onQueued(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get pending() {
      return pending;
    },
  };
}

/** Property by property: spreading two objects into a third costs a tenth of what a put costs besides its flush. */
function queuedUnit({ ids, ops, changes, conditions }: WriteUnit): Queued {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const done = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { ids, ops, changes, conditions, done, resolve, reject };
}

function groupsOf(ready: readonly Ready[]): Ready[][] {
  const groups: Ready[][] = [];
  let ops = 0;
  let bytes = 0;
  for (const item of ready) {
    const itemBytes = item.ops.reduce((sum, op) => sum + (op.type === "put" ? sizeOf(op.value) : 0), 0);
    const first = groups.at(-1)?.[0];
    const isAlone = item.unit.conditions !== undefined || first?.unit.conditions !== undefined;
    if (groups.length === 0 || isAlone || ops + item.ops.length > maxGroupOps || bytes + itemBytes > maxGroupBytes) {
      groups.push([]);
      ops = 0;
      bytes = 0;
    }
    groups.at(-1)!.push(item);
    ops += item.ops.length;
    bytes += itemBytes;
  }
  return groups;
}

function sizeOf(value: unknown): number {
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 256;
}
