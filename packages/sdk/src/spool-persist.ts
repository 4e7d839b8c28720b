// A spool in a store of @cuitty/persist (encrypted where the store is), or in anything with the same three key-value methods.
import { createRowSpool, type RowSpoolLimits, type SpooledRow, sizeOf } from "./row-spool.ts";
import type { SpoolAdapter } from "./spool.ts";

/** The part of a persist store that is used. */
export interface PersistLike {
  readonly kv: {
    put(key: string, value: unknown): Promise<void>;
    get<Value>(key: string): Promise<Value | undefined>;
    delete(key: string): Promise<void>;
    list<Value>(prefix: string): AsyncIterable<{ readonly key: string; readonly value: Value }>;
  };
}

export interface PersistSpoolOptions extends RowSpoolLimits {
  /** Where in the store. @default "cuitty-spool/" */
  readonly prefix?: string;
}

/** Values of a store hold 1 MiB of JSON; events are JSON already, and their quotes take an escape each. Units: UTF-16 code units. */
const partSize = 200_000;

interface Head extends SpooledRow {
  readonly parts: number;
}

/**
 * Keeps batches in a store that the caller opened and closes.
 *
 * ```ts
 * const store = await createStore({ name: "telemetry", adapter: "sqlite", path: "./data/telemetry.db", encrypt: true });
 * const cuitty = createCuittyClient({ portalUrl, projectId, apiKey, spool: persistSpool(store) }).start();
 * ```
 */
export function persistSpool({ kv }: PersistLike, { prefix = "cuitty-spool/", ...limits }: PersistSpoolOptions = {}): SpoolAdapter {
  const headKey = (key: string): string => `${prefix}heads/${key}`;
  const partKey = (key: string, part: number): string => `${prefix}parts/${key}/${part}`;

  return createRowSpool(
    {
      async put(batch) {
        const text = batch.events.join("\n");
        const parts = Math.ceil(text.length / partSize);
        for (let part = 0; part < parts; part++) await kv.put(partKey(batch.key, part), text.slice(part * partSize, (part + 1) * partSize));
        // Last: a head without all of its parts is never seen.
        const head: Head = { key: batch.key, sealedAtMs: batch.sealedAtMs, size: sizeOf(batch), parts };
        await kv.put(headKey(batch.key), head);
      },
      async get(key) {
        const head = await kv.get<Head>(headKey(key));
        if (!head) return undefined;
        let text = "";
        for (let part = 0; part < head.parts; part++) text += (await kv.get<string>(partKey(key, part))) ?? "";
        return { key, sealedAtMs: head.sealedAtMs, events: text.split("\n") };
      },
      async remove(key) {
        const head = await kv.get<Head>(headKey(key));
        await kv.delete(headKey(key));
        for (let part = 0; part < (head?.parts ?? 0); part++) await kv.delete(partKey(key, part));
      },
      async list() {
        const heads: Head[] = [];
        for await (const { value } of kv.list<Head>(`${prefix}heads/`)) heads.push(value);
        return heads;
      },
    },
    limits,
  );
}
