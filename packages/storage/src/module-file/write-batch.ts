// One request whose rows belong into several files: each part with its inbox row, and none where the key was used with another body.
import type { SqlRow } from "../engine/driver.ts";
import { type BatchOutcome, INBOX_SELECT, objectionOf } from "./ingest-write.ts";
import type { ThreadLink } from "./thread/link.ts";
import { askWrite, type ThreadedFile, threadedFileOf, toPlainWrite } from "./thread/threaded-module-file.ts";
import type { IngestWrite, ModuleFile } from "./types.ts";

export interface BatchPart {
  readonly file: ModuleFile;
  readonly request: IngestWrite;
}

/**
 * Writes the parts of one batch, which have project, key, fingerprint and note in common; each is atomic, and a replay writes those that are missing.
 * @param otherFiles files that the same key may have gone to. If one of them, or of several parts', has it with another body or note, nothing is written
 * and every outcome is a `mismatch` or `outdated`. Two batches of one key must not be written at the same time: neither would see the other.
 * Errors: those of `ModuleFile.write`; other parts may have been written then.
 */
export async function writeBatch(parts: readonly BatchPart[], otherFiles: readonly ModuleFile[] = []): Promise<readonly BatchOutcome[]> {
  const [first] = parts;
  if (first === undefined) return [];
  // One part's own inbox is asked by its write.
  const asked =
    first.request.idempotencyKey === undefined ? [] : [...otherFiles, ...(parts.length > 1 ? parts.map(({ file }) => file) : [])];
  const own = parts.map(({ file }) => threadedFileOf(file));
  const others = asked.map(threadedFileOf);
  const connect = own[0]?.connect;
  const isShared = (file: ThreadedFile | undefined): file is ThreadedFile => file !== undefined && file.connect === connect;
  if (!own.every(isShared) || !others.every(isShared)) return writeEach(parts, asked);
  // Sent at once where that can be: what waits for the answer then holds no rows.
  const link = commonLink([...own, ...others].map((file) => file.link()));
  const answered = link === undefined ? writeWhenReady(parts, { own, others, asked }) : sendTogether(parts, { own, others, link });
  for (const file of answered === undefined ? [] : own) void file.track(answered as Promise<unknown>);
  return answered ?? writeEach(parts, asked);
}

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
