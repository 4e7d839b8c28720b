// A spool in a store of @cuitty/persist (encrypted where the store is), or in anything with the same three key-value methods.
import { createRowSpool, type RowSpoolLimits, type SpooledRow, sizeOf } from "./row-spool.ts";
import type { SpoolAdapter } from "./spool.ts";

export type { RowSpoolLimits } from "./row-spool.ts";

/** The part of a persist store that is used. */
export interface PersistLike {
  readonly kv: {
    put(key: string, value: unknown): Promise<void>;
    get<Value>(key: string): Promise<Value | undefined>;
    delete(key: string): Promise<void>;
    list<Value>(prefix: string): AsyncIterable<{ readonly key: string; readonly value: Value }>;
  };
}

/** Where a spool is in its store, and its limits. */
export interface PersistSpoolOptions extends RowSpoolLimits {
  /** Where in the store. @default "cuitty-spool/" */
  readonly prefix?: string | undefined;
}

/** Values of a store hold 1 MiB of JSON; events are JSON already, and their quotes take an escape each. Units: UTF-16 code units. */
const partSize = 200_000;

/** No write takes this long. Units: ms. */
const abandonedMs = 3_600_000;

/** When a batch was sealed, by the UUIDv7 of its first event; 0 when that cannot be read. */
const sealedAtMsOf = (part: unknown): number =>
  Number.parseInt(/^\{"id":"([0-9a-f]{8}-[0-9a-f]{4})/.exec(`${part}`)?.[1]?.replace("-", "") ?? "0", 16);

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

  let isSwept = false;

  /** Once: removes parts that a process left without a head because it ended in the middle of a write, if they are so old that none can be at it still. */
  async function sweep(): Promise<void> {
    const starts = new Map<string, number>();
    const found: { readonly path: string; readonly key: string }[] = [];
    for await (const { key: path, value } of kv.list<string>(`${prefix}parts/`)) {
      const [key = "", part] = path.slice(`${prefix}parts/`.length).split("/");
      found.push({ path, key });
      if (part === "0") starts.set(key, sealedAtMsOf(value));
    }
    const orphans = new Map<string, boolean>();
    for (const { path, key } of found) {
      if (!orphans.has(key)) orphans.set(key, Date.now() - (starts.get(key) ?? 0) > abandonedMs && !(await kv.get(headKey(key))));
      if (orphans.get(key)) await kv.delete(path);
    }
  }

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
        for (let number = 0; number < head.parts; number++) {
          const part = await kv.get<string>(partKey(key, number));
          // Whoever removed it did not come to its head.
          if (part === undefined) return undefined;
          text += part;
        }
        return { key, sealedAtMs: head.sealedAtMs, events: text.split("\n") };
      },
      async remove(key) {
        const head = await kv.get<Head>(headKey(key));
        // The head goes last: while it is there, what is left of its parts is found.
        for (let part = (head?.parts ?? 0) - 1; part >= 0; part--) await kv.delete(partKey(key, part));
        await kv.delete(headKey(key));
      },
      async list() {
        if (!isSwept) await sweep();
        isSwept = true;
        const heads: Head[] = [];
        for await (const { value } of kv.list<Head>(`${prefix}heads/`)) heads.push(value);
        return heads;
      },
    },
    limits,
  );
}
