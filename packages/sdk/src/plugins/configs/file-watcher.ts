// Watches files through their folders, so that editors and deploys that replace a file are seen as well as those that write into it.
import { type FSWatcher, watch } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { type ExpandedPaths, expandPaths } from "./expand-paths.ts";

export interface WatchOptions {
  /** Files, and folders for all files in and below them. */
  readonly paths: readonly string[];
  /** Quiet time after the last sign of change before a file is read. Units: ms. */
  readonly settleMs: number;
  /** Files are also read this often, since network mounts report nothing. Units: ms; Infinity for never. */
  readonly pollMs: number;
  /** Larger files are not read: their content is given as undefined with `isTooLarge`. */
  readonly maxFileBytes: number;
  /** Told the first content of each file, then each different one. */
  readonly onContent: (path: string, content: FileContent, isFirst: boolean) => void;
}

export type FileContent =
  | { readonly kind: "text" | "binary"; readonly bytes: Buffer }
  | { readonly kind: "missing" }
  | { readonly kind: "large"; readonly byteLength: number; readonly changedAtMs: number };

export interface FileWatcher {
  /** Reads all files now; resolves when what has changed has been told. */
  check(): Promise<void>;
  close(): void;
}

// Used where folders cannot be watched at all.
const fallbackPollMs = 2_000;
// A file that never rests is read all the same.
const maxSettleMs = 2_000;

/** Starts watching; the first contents are told by the first `check`. Holds no process. */
export function watchFiles(options: WatchOptions): FileWatcher {
  const known = new Map<string, FileContent>();
  const watchers = new Map<string, FSWatcher>();
  let settle: ReturnType<typeof setTimeout> | undefined;
  let waitingSinceMs = 0;
  let isClosed = false;
  let isBlind = false;
  let hasBaseline = false;
  let running: Promise<void> = Promise.resolve();

  function touched(): void {
    if (isClosed) return;
    const nowMs = performance.now();
    if (settle === undefined) waitingSinceMs = nowMs;
    clearTimeout(settle);
    settle = setTimeout(() => void check(), Math.max(0, Math.min(options.settleMs, waitingSinceMs + maxSettleMs - nowMs)));
    settle.unref?.();
  }

  function check(): Promise<void> {
    clearTimeout(settle);
    settle = undefined;
    // One at a time, so that two versions cannot overtake each other.
    running = running.then(async () => {
      const expanded = await expandPaths(options.paths);
      for (const path of new Set([...expanded.files, ...known.keys()])) {
        if (!isClosed) await readOne(path);
      }
      hasBaseline = true;
      if (!isClosed) await watchFolders(expanded);
    });
    return running;
  }

  async function readOne(path: string): Promise<void> {
    const content = await readContent(path, options.maxFileBytes).catch(() => undefined);
    // Unreadable for now (rights, a folder in its place): what is known stays.
    if (content === undefined || isClosed) return;
    const before = known.get(path);
    if (before !== undefined && isSame(before, content)) return;
    // A file that turns up in a watched folder was missing until now.
    if (before === undefined && hasBaseline) options.onContent(path, { kind: "missing" }, true);
    known.set(path, content);
    options.onContent(path, content, before === undefined && !hasBaseline);
    if (content.kind === "missing" && !options.paths.includes(path)) known.delete(path);
  }

  /** Watches the folder of each file and of what it links to (Kubernetes swaps a linked folder). Folders that came back are watched again. */
  async function watchFolders(expanded: ExpandedPaths): Promise<void> {
    const folders = new Set(expanded.folders);
    for (const path of expanded.files) {
      folders.add(dirname(path));
      const target = await realpath(path).catch(() => undefined);
      if (target !== undefined) folders.add(dirname(target));
    }
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    isBlind = false;
    for (const folder of isClosed ? [] : folders) if (!watchers.has(folder)) watchFolder(folder);
    armPoll();
  }

  function watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (kind, name) => {
        // The folder itself went away: a new one of that name needs a new watcher.
        if (kind === "rename" && name !== null && folder.endsWith(`/${name}`)) forget(folder);
        touched();
      });
      watcher.on("error", () => forget(folder));
      watchers.set(folder, watcher);
    } catch {
      // No such folder yet, or no watches left: polling sees it.
      isBlind = true;
    }
  }

  function forget(folder: string): void {
    watchers.get(folder)?.close();
    watchers.delete(folder);
    touched();
  }

  let poll: ReturnType<typeof setTimeout> | undefined;
  function armPoll(): void {
    clearTimeout(poll);
    const delayMs = isBlind ? Math.min(fallbackPollMs, options.pollMs) : options.pollMs;
    if (isClosed || !Number.isFinite(delayMs)) return;
    poll = setTimeout(() => void check(), delayMs);
    poll.unref?.();
  }

  return {
    check,
    close() {
      isClosed = true;
      clearTimeout(settle);
      clearTimeout(poll);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

async function readContent(path: string, maxBytes: number): Promise<FileContent | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? { kind: "missing" } : undefined;
  }
  try {
    const stats = await file.stat();
    // A pipe or device would be read for ever.
    if (!stats.isFile()) return undefined;
    if (stats.size > maxBytes) return { kind: "large", byteLength: stats.size, changedAtMs: stats.mtimeMs };
    const bytes = await file.readFile();
    return { kind: isText(bytes) ? "text" : "binary", bytes };
  } finally {
    await file.close();
  }
}

function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function isSame(a: FileContent, b: FileContent): boolean {
  if ("bytes" in a && "bytes" in b) return a.bytes.equals(b.bytes);
  return (
    a.kind === b.kind && (a.kind !== "large" || b.kind !== "large" || (a.byteLength === b.byteLength && a.changedAtMs === b.changedAtMs))
  );
}
