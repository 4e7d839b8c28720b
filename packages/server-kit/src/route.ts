// A read or action as data: from one table come validation, authorisation, OpenAPI, typed direct calls and the authorisation tests.
import type { ModuleFile } from "@cuitty/storage/module-file";
import type { Static, TSchema } from "@sinclair/typebox";

/** Who is asking: the outcome of the `authenticate` port. */
export interface Subject {
  /** API key id, or the app's own user id. */
  readonly id: string;
  readonly kind: "api_key" | "user";
  /** The only project this subject may touch; null for an organisation-wide one. */
  readonly projectId: string | null;
  readonly organizationId: string;
  readonly scopes: readonly string[];
}

/** What a handler gets: input that has been validated, for a subject that may do this. */
export interface RouteContext<Params, Query, Body> {
  readonly subject: Subject;
  readonly projectId: string;
  /** The module's file; absent on routes of the kit itself. */
  readonly file: ModuleFile;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  /** Of the HTTP request; absent for direct calls. */
  readonly requestId?: string;
}

/** `path` is relative to the module's base path and uses `{name}` for parameters, as OpenAPI does. The handler returns data; the core validates and serialises. */
export interface Route<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema, R extends TSchema = TSchema> {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  /** camelCase; unique in the kit; also the name of the direct call. */
  readonly operationId: string;
  readonly summary: string;
  readonly action: "ingest" | "read" | "keys" | "admin";
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly reply: R;
  /** Of success; 204 sends no body. @default 200 */
  readonly status?: 200 | 201 | 204;
  handle(context: RouteContext<Static<P>, Static<Q>, Static<B>>): Promise<Static<R>>;
}

/** Gives a route its types from its schemas; the value itself is handed back. */
export function defineRoute<const Id extends string, P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema>(
  route: Route<P, Q, B, R> & { readonly operationId: Id },
): Route<P, Q, B, R> & { readonly operationId: Id } {
  return route;
}
