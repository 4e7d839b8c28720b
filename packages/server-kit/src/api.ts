// Typed direct calls: `kit.api.logs.searchLogs(subject, { query })` does what the route does, without HTTP.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Static, TSchema } from "@sinclair/typebox";
import type { Dispatcher } from "./dispatch.ts";
import type { CuittyModule } from "./module.ts";
import type { Route, Subject } from "./route.ts";
import type { MountedRoute } from "./router.ts";

type StaticOf<Schema> = Schema extends TSchema ? Static<Schema> : undefined;

/** What a call takes beside the subject. A subject that is bound to a project needs no `projectId`. */
export interface CallInput<Params = unknown, Query = unknown, Body = unknown> {
  readonly projectId?: string | undefined;
  readonly params?: Params | undefined;
  readonly query?: Query | undefined;
  readonly body?: Body | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Taken from a method, whose parameters compare both ways: a kit of known modules is then also a plain `ServerKit`. */
type Call<R> =
  R extends Route<infer P, infer Q, infer B, infer Reply>
    ? { call(subject: Subject, input?: CallInput<StaticOf<P>, StaticOf<Q>, StaticOf<B>>): Promise<StaticOf<Reply>> }["call"]
    : never;

type CallsOf<Module> = Module extends { readonly routes?: infer Routes }
  ? Routes extends readonly Route[]
    ? { readonly [R in Routes[number] as R["operationId"]]: Call<R> }
    : Record<never, never>
  : Record<never, never>;

/** Operations of the kit itself. */
export type KitOperation =
  | "listProjects"
  | "createProject"
  | "getProject"
  | "updateProject"
  | "deleteProject"
  | "rotateProjectSecret"
  | "listKeys"
  | "createKey"
  | "revokeKey"
  | "rotateKey";

/** Calls by module name and operation id; those of projects and keys under `kit`. */
export type KitApi<Modules extends readonly CuittyModule[]> = {
  readonly [M in Modules[number] as M["name"]]: CallsOf<M>;
} & { readonly kit: Readonly<Record<KitOperation, (subject: Subject, input?: CallInput) => Promise<unknown>>> };

/** **Errors** of every call: those of its route. */
export function createApi<Modules extends readonly CuittyModule[]>(routes: readonly MountedRoute[], dispatch: Dispatcher): KitApi<Modules> {
  const byModule: Record<string, Record<string, unknown>> = Object.create(null);
  byModule.kit = {};
  for (const mounted of routes) {
    const name = mounted.module?.definition.name ?? "kit";
    byModule[name] ??= {};
    byModule[name][mounted.route.operationId] = callOf(mounted, dispatch);
  }
  return byModule as unknown as KitApi<Modules>;
}

function callOf(mounted: MountedRoute, dispatch: Dispatcher): (subject: Subject, input?: CallInput) => Promise<unknown> {
  return async (subject, input = {}) => {
    const { projectId = subject.projectId, params = {}, query = {}, body = {}, signal = new AbortController().signal } = input;
    if (subject.projectId !== null && projectId !== subject.projectId) {
      throw new CuittyError(
        "project_mismatch",
        "Expected the project of the subject; leave projectId out or use a subject of that project",
      );
    }
    if (projectId === null && mounted.module !== null) {
      throw new CuittyError("invalid_request", "Expected projectId beside the subject, as this subject is not bound to a project");
    }
    return dispatch(mounted, {
      subject,
      projectId,
      params: params as Readonly<Record<string, string>>,
      typedParams: params,
      query,
      body: async () => body,
      signal,
    });
  };
}
