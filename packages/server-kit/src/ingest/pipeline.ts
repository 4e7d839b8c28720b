// Runs stages in order until one answers; whatever one throws becomes a problem.
import { CuittyError } from "@cuitty/wire-protocol";
import { isOperational } from "../faults.ts";
import { isFault, problemReply } from "../respond.ts";
import type { Span, Tracer } from "../tracer.ts";
import type { OwnedContext } from "./context.ts";
import type { Stage } from "./stage.ts";

/** A stage and the name that others are put before or after. */
export interface NamedStage {
  readonly name: string;
  readonly stage: Stage;
}

/** The stages of a kit, to which an app may add its own. */
export interface StageList {
  readonly names: readonly string[];
  /** Adds a stage before or after a named one. Errors: `unknown_stage`, `duplicate_stage`. Takes effect with the next request. */
  before(name: string, stage: Stage, ownName?: string): void;
  after(name: string, stage: Stage, ownName?: string): void;
}

/** Stages that can be run. */
export interface Pipeline extends StageList {
  run(context: OwnedContext): Promise<Response>;
}

export interface PipelineOptions {
  readonly tracer?: Tracer | undefined;
  readonly onFault?: ((error: unknown, requestId: string) => void) | undefined;
}

/** Makes a pipeline of stages in this order. Errors of running: none, what a stage throws becomes an answer. */
export function createPipeline(given: readonly NamedStage[], options: PipelineOptions = {}): Pipeline {
  const { tracer, onFault } = options;
  let stages: readonly NamedStage[] = given;
  let added = 0;

  function insert(name: string, offset: 0 | 1, stage: NamedStage): void {
    const index = stages.findIndex((entry) => entry.name === name);
    if (index === -1)
      throw new CuittyError(
        "unknown_stage",
        `Expected one of the stages ${stages.map((entry) => entry.name).join(", ")}, got ${JSON.stringify(name)}`,
      );
    if (stages.some((entry) => entry.name === stage.name))
      throw new CuittyError("duplicate_stage", `There is a stage named ${stage.name} already`);
    stages = [...stages.slice(0, index + offset), stage, ...stages.slice(index + offset)];
  }

  async function run(context: OwnedContext): Promise<Response> {
    let reply: Response;
    try {
      reply = await (tracer === undefined ? runStages(stages, context) : runTraced(stages, context, tracer));
    } catch (error) {
      if (isFault(error) || isOperational(error)) onFault?.(error, context.requestId);
      reply = problemReply(context, error);
    }
    context.settle(reply);
    return reply;
  }

  const nameOf = (ownName: string | undefined): string => {
    added += 1;
    return ownName ?? `custom${added}`;
  };
  return {
    get names() {
      return stages.map(({ name }) => name);
    },
    before: (name, stage, ownName) => insert(name, 0, { name: nameOf(ownName), stage }),
    after: (name, stage, ownName) => insert(name, 1, { name: nameOf(ownName), stage }),
    run,
  };
}

async function runStages(stages: readonly NamedStage[], context: OwnedContext): Promise<Response> {
  for (const { stage } of stages) {
    const result = stage(context);
    // Most stages are done at once: waiting for nothing would cost a turn each.
    const reply = result instanceof Promise ? await result : result;
    // Not `instanceof`: hosts replace the global Response.
    if (reply) return reply;
  }
  throw new CuittyError("internal", "No stage answered the request");
}

async function runTraced(stages: readonly NamedStage[], context: OwnedContext, tracer: Tracer): Promise<Response> {
  for (const { name, stage } of stages) {
    const span: Span = tracer.start(`cuitty.${name}`, context.trace);
    try {
      const reply = await stage(context);
      span.end(reply ? { status: reply.status } : undefined);
      if (reply) return reply;
    } catch (error) {
      span.end({ error });
      throw error;
    }
  }
  throw new CuittyError("internal", "No stage answered the request");
}
