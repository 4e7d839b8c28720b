// Live streams as the last part of a route of your own.
import { CuittyError } from "@cuitty/wire-protocol";
import { type Authorizer, scopes } from "../auth/authorize.ts";
import { authorize } from "../dispatch.ts";
import { type OrganizationOf, ownerOf } from "../ingest/authorize.ts";
import type { ModuleRegistry } from "../modules.ts";
import { chooseTopics } from "../sse/choose-topics.ts";
import { createLiveStreams } from "../sse/live-streams.ts";
import type { StreamLimits } from "../sse/options.ts";
import { parseStreamQuery } from "../sse/stream-query.ts";
import type { RequestState } from "./request-state.ts";

export interface SseOptions extends StreamLimits {
  /** @default scopes() */
  readonly authorizer?: Authorizer | undefined;
  /** Needed where subjects are not bound to a project and name one in `X-Project-Id`. @default a subject's own project alone exists */
  readonly organizationOf?: OrganizationOf | undefined;
  /** A page could not be read; the stream goes on at the next write. @default ignored */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface StreamPart {
  /**
   * @param moduleName from the route's path, such as `/live/:module`; null takes `?topics=`, or all that may be read.
   * Errors: `not_found`, `insufficient_scope`, `invalid_request` for a topic that is not here, those of `LiveStreams.open`.
   */
  open(state: RequestState, moduleName: string | null): Promise<Response>;
  close(): void;
}

export function streamPart(modules: ModuleRegistry, options: SseOptions = {}): StreamPart {
  const { authorizer = scopes(), organizationOf, ...limits } = options;
  const sources = modules.all.flatMap(({ definition, file }) => (definition.streams ?? []).map((source) => ({ source, file })));
  const streams = createLiveStreams({ ...limits, sources, bus: modules.bus });
  const moduleByTopic = new Map(
    modules.all.flatMap(({ definition }) => (definition.streams ?? []).map(({ topic }) => [topic, definition.name] as const)),
  );

  function servedBy(moduleName: string | null): ReadonlyMap<string, string> {
    if (moduleName === null) return moduleByTopic;
    if (modules.ofName(moduleName) === undefined) throw new CuittyError("not_found", "No module of this name is here");
    return new Map([...moduleByTopic].filter(([, name]) => name === moduleName));
  }

  return {
    async open(state, moduleName) {
      const { exchange, subject, projectId, requestId } = state.context;
      if (subject === null) throw new CuittyError("unauthorized", "Expected the header Authorization: Bearer <api key>");
      if (projectId === null) throw new CuittyError("invalid_request", "Expected X-Project-Id to name the project");
      const { topics: named, cursor } = parseStreamQuery(exchange);
      const organizationId = await ownerOf(subject, projectId, organizationOf);
      const topics = await chooseTopics({
        moduleByTopic: servedBy(moduleName),
        named,
        checkRead: (id) =>
          authorize(authorizer, { subject }, { action: "read", resource: { type: "module", id, organizationId, projectId } }),
      });
      return streams.open(exchange, {
        subject,
        projectId,
        topics,
        cursor,
        headers: { "x-request-id": requestId },
        ...(state.recheck === null ? undefined : { recheck: state.recheck }),
      });
    },
    close: () => streams.close(),
  };
}
