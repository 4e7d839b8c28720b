// One request whose rows belong into several files: each part with its inbox row, and none where the key was used with another body.
import type { SqlRow } from "../engine/driver.ts";
import { type BatchOutcome, INBOX_SELECT, objectionOf } from "./ingest-write.ts";
import type { ThreadLink } from "./thread/link.ts";
import { askWrite, type ThreadedFile, threadedFileOf, toPlainWrite } from "./thread/threaded-module-file.ts";
import type { IngestWrite, ModuleFile } from "./types.ts";

/** What one file gets of a batch. */
export interface BatchPart {
  readonly file: ModuleFile;
  readonly request: IngestWrite;
}

export interface WriteBatchOptions {
  /** The caller knows that no file has the batch's key: none is asked, and each thread writes its files at once. @default false */
  readonly isNewKey?: boolean | undefined;
}

/**
 * Writes the parts of one batch, which have project, key, fingerprint and note in common; each is atomic, and a replay writes those that are missing.
 * @param otherFiles files that the same key may have gone to. If one of them, or of several parts', has it with another body or note, nothing is written
 * and every outcome is a `mismatch` or `outdated`. Two batches of one key must not be written at the same time: neither would see the other.
 * Errors: those of `ModuleFile.write`; other parts may have been written then.
 */
export async function writeBatch(
  parts: readonly BatchPart[],
  otherFiles: readonly ModuleFile[] = [],
  { isNewKey = false }: WriteBatchOptions = {},
): Promise<readonly BatchOutcome[]> {
  const [first] = parts;
  if (first === undefined) return [];
  const isAsked = !isNewKey && first.request.idempotencyKey !== undefined;
  // One part's own inbox is asked by its write.
  const asked = isAsked ? [...otherFiles, ...(parts.length > 1 ? parts.map(({ file }) => file) : [])] : [];
  if (asked.length > 0) return writeAsked(parts, asked);
  const groups = byThread(parts);
  if (groups.length === 1) return writeTogether(parts, []);
  return gather(groups.map((group) => ({ indices: group.map(({ index }) => index), written: writeTogether(group, []) })));
}

type Indexed = BatchPart & { readonly index: number };

/** Files of one thread take one message. */
function byThread(parts: readonly BatchPart[]): readonly (readonly Indexed[])[] {
  const groups = new Map<unknown, Indexed[]>();
  for (const [index, { file, request }] of parts.entries()) {
    const thread = threadedFileOf(file)?.connect ?? file;
    const group = groups.get(thread);
    if (group === undefined) groups.set(thread, [{ file, request, index }]);
    else group.push({ file, request, index });
  }
  return [...groups.values()];
}

interface Group {
  readonly indices: readonly number[];
  readonly written: Promise<readonly BatchOutcome[]>;
}

/** The outcomes in the order of the parts, when all are there: what is tried again after an error must not meet a part that is still under way. */
async function gather(groups: readonly Group[]): Promise<readonly BatchOutcome[]> {
  const outcomes: BatchOutcome[] = [];
  const settled = await Promise.allSettled(groups.map(({ written }) => written));
  for (const [number, result] of settled.entries()) {
    if (result.status === "rejected") throw result.reason;
    for (const [position, index] of (groups[number] as Group).indices.entries()) outcomes[index] = result.value[position] as BatchOutcome;
  }
  return outcomes;
}

/** Several threads cannot be asked and write in one go: no file may be written before all have answered. */
async function writeAsked(parts: readonly BatchPart[], asked: readonly ModuleFile[]): Promise<readonly BatchOutcome[]> {
  const threads = new Set([...parts.map(({ file }) => file), ...asked].map((file) => threadedFileOf(file)?.connect));
  return threads.size === 1 && !threads.has(undefined) ? writeTogether(parts, asked) : writeEach(parts, asked);
}

/** What belongs to one thread. */
async function writeTogether(parts: readonly BatchPart[], asked: readonly ModuleFile[]): Promise<readonly BatchOutcome[]> {
  const own = parts.map(({ file }) => threadedFileOf(file));
  const others = asked.map(threadedFileOf);
  if (!own.every(isThreaded) || !others.every(isThreaded)) return writeEach(parts, asked);
  // Sent at once where that can be: what waits for the answer then holds no rows.
  const link = commonLink([...own, ...others].map((file) => file.link()));
  const answered = link === undefined ? writeWhenReady(parts, { own, others, asked }) : sendTogether(parts, { own, others, link });
  for (const file of answered === undefined ? [] : own) void file.track(answered as Promise<unknown>);
  return answered ?? writeEach(parts, asked);
}

const isThreaded = (file: ThreadedFile | undefined): file is ThreadedFile => file !== undefined;

/** Whether one of the files has the key in its inbox. */
export async function hasKey(files: readonly ModuleFile[], projectId: string, idempotencyKey: string): Promise<boolean> {
  return (await inboxRows(files, projectId, idempotencyKey)).length > 0;
}

async function writeEach(parts: readonly BatchPart[], asked: readonly ModuleFile[]): Promise<readonly BatchOutcome[]> {
  const request = parts[0]?.request;
  const objection = request && (await objectionIn(asked, request));
  return objection === undefined ? Promise.all(parts.map((part) => part.file.write(part.request))) : parts.map(() => objection);
}

async function objectionIn(files: readonly ModuleFile[], request: IngestWrite): Promise<ReturnType<typeof objectionOf>> {
  const { projectId, idempotencyKey } = request;
  return idempotencyKey === undefined ? undefined : objectionOf(await inboxRows(files, projectId, idempotencyKey), request);
}

async function inboxRows(files: readonly ModuleFile[], projectId: string, key: string): Promise<SqlRow[]> {
  return (await Promise.all(files.map((file) => file.all(INBOX_SELECT, [projectId, key])))).flat();
}

interface ThreadFiles {
  readonly own: readonly ThreadedFile[];
  readonly others: readonly ThreadedFile[];
}

const commonLink = (links: readonly (ThreadLink | undefined)[]): ThreadLink | undefined =>
  links.every((link) => link === links[0]) ? links[0] : undefined;

/** Files are not open while their thread is being started again. */
async function writeWhenReady(
  parts: readonly BatchPart[],
  { own, others, asked }: ThreadFiles & { asked: readonly ModuleFile[] },
): Promise<readonly BatchOutcome[]> {
  const link = commonLink(await Promise.all([...own, ...others].map((file) => file.ready())));
  return (link && sendTogether(parts, { own, others, link })) ?? writeEach(parts, asked);
}

/** One message for everything; undefined where a part holds what only its own thread can run. */
function sendTogether(
  parts: readonly BatchPart[],
  { own, others, link }: ThreadFiles & { link: ThreadLink },
): Promise<readonly BatchOutcome[]> | undefined {
  const plain = parts.map(({ request }, index) => ({ file: own[index]?.number ?? 0, request: toPlainWrite(request, link) }));
  if (!plain.every(isPlain)) return undefined;
  return askWrite(link, { parts: plain, others: others.map(({ number }) => number) }, undefined);
}

type PlainPart = Parameters<typeof askWrite>[1]["parts"][number];
const isPlain = (part: { file: number; request: PlainPart["request"] | undefined }): part is PlainPart => part.request !== undefined;
