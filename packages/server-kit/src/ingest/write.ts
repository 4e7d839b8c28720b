// Stage: hands the events to their modules' files. What it answers is on disk.

import { type BatchPart, type IngestOutcome, type IngestWrite, writeBatch } from "@cuitty/storage/module-file";
import { CuittyError, HEADER } from "@cuitty/wire-protocol";
import { type Bus, streamTopic } from "../bus.ts";
import type { ValidEvent } from "../module.ts";
import type { ModuleRegistry, OpenModule } from "../modules.ts";
import { keyReused } from "./idempotency.ts";
import type { CheckedBatch, RejectedEvent, Stage, StageContext } from "./stage.ts";

export interface WriteOptions {
  /** Told after each commit. */
  readonly bus?: Bus;
  /** Whether `events` and `batch` may be forgotten once they are on their way: no later stage or listener looks at them. @default never */
  readonly mayForget?: () => boolean;
}

/** Uses `batch`, `projectId` and `idempotency`, fills `replyBody`. **Errors**: `idempotency_key_reused`, those of the files. */
export function write(modules: ModuleRegistry, options: WriteOptions = {}): Stage {
  return (context) => {
    const { batch, projectId } = context;
    if (batch === null || projectId === null) throw new CuittyError("internal", "write must come after authenticate and validate");
    const { rejected } = batch;
    const { written, outcomes } = begin(modules, { context, batch, projectId });
    // Nothing that waits for the disk may hold the events: with many requests under way the collector would copy them all, again and again.
    if (options.mayForget?.()) {
      context.events = null;
      context.batch = null;
    }
    return settle(context, { written, outcomes, rejected, projectId, bus: options.bus });
  };
}

/** What is left of a batch once its events are on their way. */
interface Begun {
  readonly written: readonly OpenModule[];
  readonly outcomes: Promise<readonly IngestOutcome[]>;
}

function begin(
  modules: ModuleRegistry,
  { context, batch, projectId }: { context: StageContext; batch: CheckedBatch; projectId: string },
): Begun {
  const parts = partsOf(modules, batch.valid, context.idempotency !== null);
  const note = batch.rejected.length === 0 ? undefined : JSON.stringify(batch.rejected);
  const requests = [...parts].map(([module, events]) => partOf(module, events, { context, projectId, note }));
  // The same key with another body may have gone to other files.
  const others = modules.all.filter((module) => !parts.has(module)).map(({ file }) => file);
  return { written: [...parts.keys()], outcomes: requests.length === 0 ? Promise.resolve([]) : writeBatch(requests, others) };
}

async function settle(
  context: StageContext,
  { written, outcomes, rejected, projectId, bus }: Begun & { rejected: readonly RejectedEvent[]; projectId: string; bus: Bus | undefined },
): Promise<undefined> {
  const told = await outcomes;
  if (told.some(({ status }) => status === "mismatch")) throw keyReused();
  finish(context, told, rejected);
  if (bus !== undefined) hint(bus, projectId, written);
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
  readonly projectId: string;
  readonly note: string | undefined;
}

function partOf(module: OpenModule, events: readonly ValidEvent[], part: PartContext): BatchPart {
  const { context, projectId, note } = part;
  const nowMs = context.receivedAtMs;
  const plan = events.length === 0 ? { statements: [] } : module.definition.ingest(events, { projectId, nowMs });
  const request: IngestWrite = {
    projectId,
    statements: plan.statements,
    nowMs,
    ...(plan.interactive === undefined ? undefined : { interactive: plan.interactive }),
    ...(note === undefined ? undefined : { note }),
    ...(context.idempotency === null
      ? undefined
      : { idempotencyKey: context.idempotency.key, fingerprint: context.idempotency.fingerprint }),
  };
  return { file: module.file, request };
}

function finish(context: StageContext, outcomes: readonly IngestOutcome[], rejected: readonly RejectedEvent[]): void {
  const stored = outcomes.find((outcome) => outcome.status === "replayed");
  const note = stored?.status === "replayed" ? stored.note : undefined;
  // What was refused the first time is told again: schemas and modules may have changed since.
  const told = note === undefined ? rejected : note === null ? [] : (JSON.parse(note) as readonly RejectedEvent[]);
  let accepted = 0;
  let duplicate = 0;
  for (const outcome of outcomes) {
    if (outcome.status === "mismatch") continue;
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
