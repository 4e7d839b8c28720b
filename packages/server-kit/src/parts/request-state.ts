// What the parts of one request share: the context of the stages, and what one part leaves for a later one.
import type { OwnedContext } from "../ingest/context.ts";
import type { Stage } from "../ingest/stage.ts";
import type { ModuleRegistry } from "../modules.ts";

export interface RequestState {
  readonly context: OwnedContext;
  /** Stages that need the events: they run in `ingest`, between validation and writing. */
  readonly beforeWrite: ((context: OwnedContext, modules: ModuleRegistry) => ReturnType<Stage>)[];
  /** Whether the sender is still who he was; set by `authenticate`, asked by streams that last. */
  recheck: (() => Promise<boolean>) | null;
}

/** One step of a route of your own. It fills the state, answers, or throws a CuittyError. */
export type Part = (state: RequestState) => Promise<Response | undefined> | Response | undefined;

/** Runs stages in order until one answers. */
export async function runStages(stages: readonly Stage[], context: OwnedContext): Promise<Response | undefined> {
  for (const stage of stages) {
    const reply = await stage(context);
    if (reply) return reply;
  }
  return undefined;
}
