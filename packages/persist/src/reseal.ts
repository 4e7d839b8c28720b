// Seals every value of older keys with the newest one, in the background, in pages, never over a newer write.
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterEntry, AdapterOp } from "./adapter.ts";
import type { Emitter } from "./core/emitter.ts";
import { manifestKey } from "./core/manifest.ts";
import { sealedValue } from "./core/plain-codec.ts";
import { rotationMark } from "./core/rotation-mark.ts";
import { type Address, addressId, type Facet } from "./core/row.ts";
import type { Rows } from "./core/rows.ts";
import { nextTurn } from "./core/turn.ts";
import { storeClosed } from "./core/work.ts";
import { readHeader } from "./crypto/envelope.ts";

/** Facets whose rows hold users' data; their rows are named by tokens, so every facet is read on its own. */
const facets: readonly Facet[] = ["records", "kv", "events", "blobs", "chunks", "contents", "uploads", "garbage"];

export interface Reseal {
  /** Marks that a rotation is about to begin, so that one killed right after its key was made is resumed. Returns what ends the announcement. */
  announce(): Promise<() => void>;
  /** Starts over with the newest key; resolves when nothing older is left. Errors: `store_closed` when it is stopped before. */
  start(): Promise<void>;
  /** Starts when a run was interrupted: its mark is still there. */
  resume(): Promise<void>;
  isRunning(): boolean;
  stop(): Promise<void>;
}

export interface ResealParts {
  readonly rows: Rows;
  readonly epoch: () => number;
  readonly emitter: Emitter;
}

export function createReseal(parts: ResealParts): Reseal {
  const { rows, epoch, emitter } = parts;
  let running: Promise<void> | undefined;
  let isStopped = false;
  let restart = false;
  let announced = 0;

  const putMark = () => rows.commit([{ type: "put", address: rotationMark, row: { json: JSON.stringify({ epoch: epoch() }) } }]);

  async function pass(counts: { resealed: number; checked: number }): Promise<void> {
    for (const facet of facets) {
      for await (const page of rows.scan(await rows.codec.scopeOf(facet, ""))) {
        if (isStopped) throw storeClosed();
        counts.checked += page.length;
        counts.resealed += await resealPage(parts, facet, page);
        emitter.emit("rotation", { epoch: epoch(), ...counts, done: false });
        await nextTurn();
      }
    }
  }

  async function run(): Promise<void> {
    const counts = { resealed: 0, checked: 0 };
    try {
      do {
        restart = false;
        const started = epoch();
        await putMark();
        await pass(counts);
        // Another tab's rotation: what was passed before it was heard of has the key before.
        restart ||= epoch() !== started;
        // A rotation that is about to begin has put its mark already.
        if (!restart && announced === 0) await rows.commit([{ type: "delete", address: rotationMark }]);
      } while (restart);
      emitter.emit("rotation", { epoch: epoch(), ...counts, done: true });
    } catch (error) {
      if (isStopped) throw isCuittyError(error, "store_closed") ? error : storeClosed(error);
      emitter.fail(error);
      throw error;
    } finally {
      running = undefined;
    }
  }

  function start(): Promise<void> {
    // A rotation during a run: what was already passed has the previous key, so the run goes once more.
    restart = running !== undefined;
    running ??= run();
    return running;
  }

  return {
    async announce() {
      announced++;
      const end = () => {
        announced--;
      };
      return putMark().then(
        () => end,
        (error: unknown) => {
          end();
          throw error;
        },
      );
    },
    start,
    async resume() {
      if (await rows.get(rotationMark)) await start().catch(() => undefined);
    },
    isRunning: () => running !== undefined,
    async stop() {
      isStopped = true;
      await running?.catch(() => undefined);
    },
  };
}

/** Reads a page's rows again under watch, so that a write that comes between reading and sealing wins, and commits them together. */
async function resealPage({ rows, epoch }: ResealParts, facet: Facet, page: readonly AdapterEntry[]): Promise<number> {
  const { writer } = rows;
  const touched = new Set<string>();
  const stop = writer.onQueued((id) => touched.add(id));
  try {
    await writer.idle();
    const sealed: { readonly id: string; readonly op: AdapterOp }[] = [];
    for (const { key } of page) {
      if (key === manifestKey) continue;
      const one = await resealRow(rows, { facet, key, epoch: epoch() });
      if (one) sealed.push(one);
    }
    const fresh = sealed.filter(({ id }) => !touched.has(id));
    if (fresh.length > 0) await writer.commit({ ids: fresh.map(({ id }) => id), ops: fresh.map(({ op }) => op), changes: [] });
    return fresh.length;
  } finally {
    stop();
  }
}

async function resealRow(rows: Rows, at: { facet: Facet; key: string; epoch: number }): Promise<{ id: string; op: AdapterOp } | undefined> {
  const { adapter, codec } = rows;
  const value = await adapter.get(at.key);
  const envelope = sealedValue.decode(value);
  if (value === undefined || value === null || (envelope && readHeader(envelope).epoch >= at.epoch)) return undefined;
  const row = await codec.decode(at.facet, { key: at.key }, value);
  const address: Address = { facet: at.facet, path: row.path, ...(row.leaf === undefined ? {} : { leaf: row.leaf }) };
  const place = await codec.locate(address);
  return { id: addressId(address), op: { type: "put", key: place.key, value: await codec.encode(at.facet, place, row), expect: value } };
}
