// Live streams as the last part of a route of your own.
import { CuittyError } from "@cuitty/wire-protocol";
import { type Authorizer, scopes } from "../auth/authorize.ts";
import type { ModuleRegistry, OpenModule } from "../modules.ts";
import { createLiveStreams } from "../sse/live-streams.ts";
import type { StreamLimits } from "../sse/options.ts";
import { parseStreamQuery } from "../sse/stream-query.ts";
import type { RequestState } from "./request-state.ts";

export interface SseOptions extends StreamLimits {
  /** @default scopes() */
  readonly authorizer?: Authorizer;
  /** A page could not be read; the stream goes on at the next write. @default ignored */
  readonly onError?: (error: unknown) => void;
}

export interface StreamPart {
  /** @param moduleName from the route's path, such as `/live/:module`; null takes `?topics=`, or all. Errors: `not_found`, `insufficient_scope`, those of `LiveStreams.open`. */
  open(state: RequestState, moduleName: string | null): Promise<Response>;
  close(): void;
}

export function streamPart(modules: ModuleRegistry, options: SseOptions = {}): StreamPart {
  const { authorizer = scopes(), ...limits } = options;
  const sources = modules.all.flatMap(({ definition, file }) => (definition.streams ?? []).map((source) => ({ source, file })));
  const streams = createLiveStreams({ ...limits, sources, bus: modules.bus });
  const topicsOf = (module: OpenModule): string[] => (module.definition.streams ?? []).map(({ topic }) => topic);

  function chosen(moduleName: string | null): readonly OpenModule[] {
    if (moduleName === null) return modules.all;
    const module = modules.ofName(moduleName);
    if (module === undefined) throw new CuittyError("not_found", "No module of this name is here");
    return [module];
  }

  async function mayRead({ context }: RequestState, read: readonly OpenModule[]): Promise<void> {
    const { subject, projectId } = context;
    if (subject === null) throw new CuittyError("unauthorized", "Expected the header Authorization: Bearer <api key>");
    if (projectId === null) throw new CuittyError("invalid_request", "Expected X-Project-Id to name the project");
    for (const { definition } of read) {
      const resource = { type: "module", id: definition.name, organizationId: subject.organizationId, projectId } as const;
      const decision = await authorizer.authorize(subject, "read", resource);
      if (decision.effect !== "allow") throw new CuittyError("insufficient_scope", "Expected a key with the scope read for this project");
    }
  }

  return {
    async open(state, moduleName) {
      const { exchange, subject, projectId, requestId } = state.context;
      const { topics: named, cursor } = parseStreamQuery(exchange);
      const served = chosen(moduleName);
      const topics = named ?? served.flatMap(topicsOf);
      await mayRead(
        state,
        served.filter((module) => topicsOf(module).some((topic) => topics.includes(topic))),
      );
      if (moduleName !== null && !topics.every((topic) => served.flatMap(topicsOf).includes(topic))) {
        throw new CuittyError("invalid_request", `topics: expected topics of ${moduleName} only`);
      }
      return streams.open(exchange, {
        subject: subject as NonNullable<typeof subject>,
        projectId: projectId as string,
        topics,
        cursor,
        headers: { "x-request-id": requestId },
        ...(state.recheck === null ? undefined : { recheck: state.recheck }),
      });
    },
    close: () => streams.close(),
  };
}
