// The newest end of one topic in one project: pages the table when something was written, once for everybody who listens.
import type { ModuleFile } from "@cuitty/storage/module-file";
import { type Bus, streamTopic } from "../bus.ts";
import type { StreamSource } from "../module.ts";
import { type EncodedRow, encodeRow } from "./frames.ts";

/** A stream source and the file it reads. */
export interface TopicSource {
  readonly source: StreamSource;
  readonly file: ModuleFile;
}

export interface TailPage {
  readonly rows: readonly EncodedRow[];
  /** Nothing newer was there when it was read. */
  readonly isLast: boolean;
}

export interface TailListener {
  /** Takes the rows after those of the call before; the tail waits, so a slow listener makes the next page larger. */
  deliver(topic: string, rows: readonly EncodedRow[]): Promise<void>;
}

export interface TopicTail {
  readonly topic: string;
  /** Resolves when `seq` is known. */
  readonly ready: Promise<void>;
  /** All rows up to here were given to the listeners. */
  seq(): number;
  listen(listener: TailListener): () => void;
  /** Something may have been written. */
  wake(): void;
  /** A page for somebody who is behind; equal requests at the same time share one query. Large rows make it shorter than `limit`. */
  page(afterSeq: number, limit: number): Promise<TailPage>;
  range(): Promise<{ readonly oldestSeq: number; readonly newestSeq: number }>;
  close(): void;
}

export interface TopicTailOptions extends TopicSource {
  readonly projectId: string;
  readonly bus: Bus;
  readonly onError: (error: unknown) => void;
}

export const MAX_PAGE_ROWS = 500;
/** Sizes of a page, in characters of JSON: for all live clients at once, and for one client that is behind. */
const pageChars = 1_048_576;
const laggardPageChars = 262_144;
/** Assumed until rows were seen. */
const firstRowChars = 2_048;
const minRowChars = 64;

export function createTopicTail(options: TopicTailOptions): TopicTail {
  const { source, file, projectId } = options;
  const listeners = new Set<TailListener>();
  const pagesByRequest = new Map<string, Promise<TailPage>>();
  let lastSeq = 0;
  let rowChars = firstRowChars;
  let hasNews = false;
  let isRunning = false;
  let isClosed = false;

  // Hints first, then the end of the table: what is written in between is hinted.
  const unsubscribe = options.bus.subscribe(streamTopic(source.topic, projectId), wake);
  const ready = source.range(file, projectId).then(({ newestSeq }) => {
    lastSeq = newestSeq;
  });
  // Whoever waits for it gets the error; nobody may be waiting any more.
  ready.catch(() => {});

  function wake(): void {
    hasNews = true;
    if (!isRunning) void run();
  }

  async function run(): Promise<void> {
    isRunning = true;
    try {
      await ready;
      while (hasNews && !isClosed && listeners.size > 0) {
        hasNews = false;
        const { rows, isLast } = await readPage(lastSeq, MAX_PAGE_ROWS, pageChars);
        const last = rows.at(-1);
        if (last === undefined) continue;
        if (!isLast) hasNews = true;
        lastSeq = last.seq;
        await Promise.all([...listeners].map((listener) => listener.deliver(source.topic, rows)));
      }
    } catch (error) {
      // The place is kept: the next hint or poll tries again.
      if (!isClosed) options.onError(error);
    } finally {
      isRunning = false;
    }
  }

  async function readPage(afterSeq: number, maxRows: number, maxChars: number): Promise<TailPage> {
    // Pages of large rows are short: what is read at once stays bounded.
    const limit = Math.max(1, Math.min(maxRows, Math.floor(maxChars / rowChars)));
    const rows = (await source.page(file, { projectId, afterSeq, limit })).map(encodeRow);
    if (rows.length > 0) rowChars = Math.max(minRowChars, rows.reduce((sum, { json }) => sum + json.length, 0) / rows.length);
    return { rows, isLast: rows.length < limit };
  }

  function page(afterSeq: number, limit: number): Promise<TailPage> {
    const key = `${afterSeq}/${limit}`;
    const running = pagesByRequest.get(key);
    if (running !== undefined) return running;
    const started = readPage(afterSeq, limit, laggardPageChars).finally(() => pagesByRequest.delete(key));
    pagesByRequest.set(key, started);
    return started;
  }

  return {
    topic: source.topic,
    ready,
    seq: () => lastSeq,
    listen(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    wake,
    page,
    range: () => source.range(file, projectId),
    close() {
      isClosed = true;
      unsubscribe();
    },
  };
}
