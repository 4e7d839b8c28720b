// Stage: hands the events to their modules' files. What it answers is on disk.

import { type BatchPart, type IngestOutcome, type IngestWrite, writeBatch } from "@cuitty/storage/module-file";
import { CuittyError, HEADER } from "@cuitty/wire-protocol";
import { type Bus, streamTopic } from "../bus.ts";
import type { IngestContext, ValidEvent } from "../module.ts";
import type { ModuleRegistry, OpenModule } from "../modules.ts";
import { keyReused } from "./idempotency.ts";
import { jsonWriterFor } from "./plain-json.ts";
import type { CheckedBatch, RejectedEvent, Stage, StageContext } from "./stage.ts";

export interface WriteOptions {
  /** Told after each commit. */
  readonly bus?: Bus | undefined;
  /** Whether no stage of the app is among the others: then the events are as the body had them, and may be forgotten once they are on their way. @default never */
  readonly hasBuiltInStagesOnly?: (() => boolean) | undefined;
  /** Stages that make a forgotten `batch` again from the body: needed with `hasBuiltInStagesOnly`, for replays that meet other modules than the first request. */
  readonly recall?: readonly Stage[] | undefined;
}

/** Uses `batch`, `projectId` and `idempotency`, fills `replyBody`. **Errors**: `idempotency_key_reused`, those of the files. */
export function write(modules: ModuleRegistry, options: WriteOptions = {}): Stage {
  return (context) => {
    const { batch, projectId, idempotency } = context;
    if (batch === null || projectId === null) throw new CuittyError("internal", "write must come after authenticate and validate");
    const store = () => storeBatch(modules, context, options);
    // One file's inbox holds by itself.
    if (idempotency === null || modules.all.length === 1) return store();
    return modules.turns.take(`${projectId}\0${idempotency.key}`, store);
  };
}

function storeBatch(modules: ModuleRegistry, context: StageContext, options: WriteOptions): Promise<undefined> {
  const batch = context.batch as CheckedBatch;
  const { rejected } = batch;
  const isUntouched = options.hasBuiltInStagesOnly?.() ?? false;
  const toJson = isUntouched && context.decodedBody !== null ? jsonWriterFor(context.decodedBody) : undefined;
  const { written, outcomes } = begin(modules, context, { ...batch, toJson });
  // Nothing that waits for the disk may hold the events: with many requests under way the collector would copy them all, again and again.
  if (isUntouched) {
    context.events = null;
    context.batch = null;
  }
  return settle(modules, context, { written, outcomes, rejected, options });
}

/** What is left of a batch once its events are on their way. */
interface Begun {
  readonly written: readonly OpenModule[];
  readonly outcomes: ReturnType<typeof writeBatch>;
}

interface Writable extends CheckedBatch {
  readonly toJson?: IngestContext["toJson"];
}

function begin(modules: ModuleRegistry, context: StageContext, batch: Writable): Begun {
  const { written, requests } = requestsOf(modules, context, batch);
  if (requests.length === 0) return { written, outcomes: Promise.resolve([]) };
  const key = context.idempotency?.key;
  const isNewKey = key !== undefined && modules.knownKeys?.meet(context.projectId as string, key) === true;
  // The same key with another body may have gone to other files.
  const others = isNewKey ? [] : modules.all.filter((module) => !written.includes(module)).map(({ file }) => file);
  return { written, outcomes: writeBatch(requests, others, { isNewKey }) };
}

function requestsOf(
  modules: ModuleRegistry,
  context: StageContext,
  { valid, rejected, toJson }: Writable,
): { readonly written: readonly OpenModule[]; readonly requests: readonly BatchPart[] } {
  const parts = partsOf(modules, valid, context.idempotency !== null);
  const note = rejected.length === 0 ? undefined : JSON.stringify(rejected);
  return { written: [...parts.keys()], requests: [...parts].map(([module, events]) => partOf(module, events, { context, note, toJson })) };
}

async function settle(
  modules: ModuleRegistry,
  context: StageContext,
  { written, outcomes, rejected, options }: Begun & { rejected: readonly RejectedEvent[]; options: WriteOptions },
): Promise<undefined> {
  const told = await outcomes;
  const [first] = told;
  if (first?.status === "outdated") await complete(modules, context, { note: first.note, recall: options.recall });
  else {
    const stored = storedOf(told);
    finish(context, stored, toldBefore(stored, rejected) ?? rejected);
  }
  if (options.bus !== undefined) hint(options.bus, context.projectId as string, written);
}

/**
 * A replay that meets other modules or schemas than the first request did. What was rejected then stays rejected and unstored, as the client was told;
 * what was valid then is written where it is missing, as the first run may have been cut off between two files.
 */
async function complete(
  modules: ModuleRegistry,
  context: StageContext,
  { note, recall = [] }: { readonly note: string | null; readonly recall: WriteOptions["recall"] },
): Promise<void> {
  if (context.batch === null) for (const stage of recall) await stage(context);
  if (context.batch === null) throw new CuittyError("internal", "write forgot a batch that nothing recalls");
  const rejected = rejectedIn(note);
  const refused = new Set(rejected.map(({ index }) => index));
  const valid = context.batch.valid.filter(({ index }) => !refused.has(index));
  const { requests } = requestsOf(modules, context, { valid, rejected });
  const stored = storedOf(await Promise.all(requests.map(({ file, request }) => file.write(request))));
  finish(context, stored, withGone(rejected, context.batch.rejected));
}

const rejectedIn = (note: string | null): readonly RejectedEvent[] => (note === null ? [] : (JSON.parse(note) as RejectedEvent[]));

/** What was refused the first time is told again: schemas and modules may have changed since. */
function toldBefore(outcomes: readonly Stored[], now: readonly RejectedEvent[]): readonly RejectedEvent[] | undefined {
  const stored = outcomes.find((outcome) => outcome.status === "replayed");
  return stored?.status === "replayed" ? withGone(rejectedIn(stored.note), now) : undefined;
}

/** With events that were valid then and whose module is gone: whether they were stored cannot be known any more. */
function withGone(then: readonly RejectedEvent[], now: readonly RejectedEvent[]): readonly RejectedEvent[] {
  const told = new Set(then.map(({ index }) => index));
  const gone = now.filter(({ index, code }) => code === "type_not_enabled" && !told.has(index));
  return gone.length === 0 ? then : [...then, ...gone].sort((a, b) => a.index - b.index);
}

type Stored = Exclude<IngestOutcome, { readonly status: "mismatch" }>;

function storedOf(outcomes: Awaited<Begun["outcomes"]>): readonly Stored[] {
  return outcomes.map((outcome) => {
    if (outcome.status === "mismatch") throw keyReused();
    return outcome as Stored;
  });
}

type Parts = ReadonlyMap<OpenModule, readonly ValidEvent[]>;

/** Events by module. A batch without a valid event still leaves its key in one file, so that a replay gets the same reply. */
function partsOf(modules: ModuleRegistry, events: readonly ValidEvent[], hasKey: boolean): Parts {
  const parts = new Map<OpenModule, ValidEvent[]>();
  let lastType: string | undefined;
  let lastPart: ValidEvent[] | undefined;
  for (const event of events) {
    if (event.type !== lastType || lastPart === undefined) {
      const module = modules.ofType(event.type);
      if (module === undefined) throw new CuittyError("internal", `No module takes events of type ${event.type}`);
      lastPart = parts.get(module) ?? [];
      parts.set(module, lastPart);
      lastType = event.type;
    }
    lastPart.push(event);
  }
  if (parts.size === 0 && hasKey && modules.all[0] !== undefined) parts.set(modules.all[0], []);
  return parts;
}

interface PartContext {
  readonly context: StageContext;
  readonly note: string | undefined;
  readonly toJson: IngestContext["toJson"];
}

function partOf(module: OpenModule, events: readonly ValidEvent[], { context, note, toJson }: PartContext): BatchPart {
  const projectId = context.projectId as string;
  const nowMs = context.receivedAtMs;
  const plan = events.length === 0 ? { statements: [] } : module.definition.ingest(events, { projectId, nowMs, toJson });
  const request: IngestWrite = {
    projectId,
    statements: plan.statements,
    events: events.length,
    nowMs,
    ...(plan.interactive === undefined ? undefined : { interactive: plan.interactive }),
    ...(note === undefined ? undefined : { note }),
    ...(context.idempotency === null
      ? undefined
      : { idempotencyKey: context.idempotency.key, fingerprint: context.idempotency.fingerprint }),
  };
  return { file: module.file, request };
}

function finish(context: StageContext, outcomes: readonly Stored[], told: readonly RejectedEvent[]): void {
  let accepted = 0;
  let duplicate = 0;
  for (const outcome of outcomes) {
    accepted += outcome.inserted;
    duplicate += outcome.duplicate;
  }
  const isReplay = outcomes.length > 0 && outcomes.every(({ status }) => status === "replayed");
  if (isReplay) context.replyHeaders.set(HEADER.replayed.toLowerCase(), "true");
  context.result = { accepted, duplicate, rejected: told.length, isReplay };
  // Shape and member order as documented: accepted, rejected, and duplicate only when there are some.
  context.replyBody = JSON.stringify(duplicate === 0 ? { accepted, rejected: told } : { accepted, rejected: told, duplicate });
}

function hint(bus: Bus, projectId: string, modules: Iterable<OpenModule>): void {
  for (const module of modules) {
    for (const stream of module.definition.streams ?? []) bus.publish(streamTopic(stream.topic, projectId), { seq: 0 });
  }
}
