// One request whose rows belong into several files: each part with its inbox row, and none where the key was used with another body.
import { INBOX_SELECT, isSameBody } from "./ingest-write.ts";
import { askWrite, type ThreadedFile, threadedFileOf, toPlainWrite } from "./thread/threaded-module-file.ts";
import type { IngestOutcome, IngestWrite, ModuleFile } from "./types.ts";

export interface BatchPart {
  readonly file: ModuleFile;
  readonly request: IngestWrite;
}

/**
 * Writes the parts of one batch, which have project, key and fingerprint in common; each is atomic, and a replay writes those that are missing.
 * @param otherFiles files that the same key may have gone to. If one of them, or of several parts', has it with another body, nothing is written and every outcome is a `mismatch`.
 * Errors: those of `ModuleFile.write`; other parts may have been written then.
 */
export async function writeBatch(parts: readonly BatchPart[], otherFiles: readonly ModuleFile[] = []): Promise<IngestOutcome[]> {
  const [first] = parts;
  if (first === undefined) return [];
  // One part's own inbox is asked by its write.
  const asked =
    first.request.idempotencyKey === undefined ? [] : [...otherFiles, ...(parts.length > 1 ? parts.map(({ file }) => file) : [])];
  const together = await writeTogether(parts, asked);
  if (together !== undefined) return together;
  if (await hasOtherBody(asked, first.request)) return parts.map(() => ({ status: "mismatch" }));
  return Promise.all(parts.map(({ file, request }) => file.write(request)));
}

async function hasOtherBody(files: readonly ModuleFile[], { projectId, idempotencyKey, fingerprint }: IngestWrite): Promise<boolean> {
  if (idempotencyKey === undefined) return false;
  const rows = await Promise.all(files.map((file) => file.all(INBOX_SELECT, [projectId, idempotencyKey])));
  return rows.some(([row]) => row !== undefined && !isSameBody(row[0], fingerprint));
}

/** One message for everything, where all files are on one thread; undefined where they are not. */
async function writeTogether(parts: readonly BatchPart[], asked: readonly ModuleFile[]): Promise<IngestOutcome[] | undefined> {
  const own = parts.map(({ file }) => threadedFileOf(file));
  const others = asked.map(threadedFileOf);
  const connect = own[0]?.connect;
  const isShared = (file: ThreadedFile | undefined): file is ThreadedFile => file !== undefined && file.connect === connect;
  if (!own.every(isShared) || !others.every(isShared)) return undefined;
  // Several tries only while the thread is being started again.
  const opened = await Promise.all(own.map((file) => file.ready()));
  const openedOthers = await Promise.all(others.map((file) => file.ready()));
  const link = opened[0]?.link;
  if (link === undefined || [...opened, ...openedOthers].some((file) => file.link !== link)) return undefined;
  const plain = parts.map(({ request }, index) => ({ file: opened[index]?.file ?? 0, request: toPlainWrite(request, link) }));
  if (!plain.every(isPlain)) return undefined;
  const answered = askWrite(link, { parts: plain, others: openedOthers.map(({ file }) => file) }, undefined);
  const [outcomes] = await Promise.all(own.map((file) => file.track(answered)));
  return outcomes;
}

type PlainPart = Parameters<typeof askWrite>[1]["parts"][number];
const isPlain = (part: { file: number; request: PlainPart["request"] | undefined }): part is PlainPart => part.request !== undefined;
