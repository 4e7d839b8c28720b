// May this subject do that? A port with a default built on scopes; relationship engines fit behind the same two methods.
import type { Route, Subject } from "../route.ts";

/** What may be done: `ingest`, `read`, `keys` or `admin`. */
export type Action = Route["action"];

/** What an action is about. `organizationId` and `projectId` come from our own rows, never from the request alone. */
export interface Resource {
  readonly type: "organization" | "project" | "module";
  /** Organisation id, project id, or module name. */
  readonly id: string;
  readonly organizationId: string;
  /** Null for what belongs to the whole organisation. */
  readonly projectId: string | null;
}

/** `isHidden`: the subject must not learn that it exists, so it is answered as not found. */
export type Decision =
  | { readonly effect: "allow" }
  | { readonly effect: "deny"; readonly reason: string; readonly isHidden?: boolean }
  /** More must be known first, such as a caveat's context; the kit treats it as a denial that names what is missing. */
  | { readonly effect: "conditional"; readonly missing: readonly string[] };

export interface AuthorizeOptions {
  /** Opaque token of an engine that reads its own writes, such as a ZedToken. */
  readonly consistency?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asked once per request, and once per distinct event type of a batch; never per event. A throw lets nothing happen and is answered with 500: the client may try again. */
export interface Authorizer {
  authorize(subject: Subject, action: Action, resource: Resource, options?: AuthorizeOptions): Promise<Decision> | Decision;
  /** Ids of `type` in the subject's organisation that it may do `action` on; every list is filtered by it. */
  list(subject: Subject, action: Action, type: Resource["type"]): Promise<readonly string[] | "all"> | readonly string[] | "all";
}

/**
 * The built-in authorizer: the action must be among the subject's scopes and the resource in its project.
 * `admin` reaches every project of the organisation for what is managed (projects, keys, secrets), never for the data in it.
 */
export function scopes(): Authorizer {
  return {
    authorize(subject, action, resource) {
      const isAdmin = subject.scopes.includes("admin");
      const isOwn = subject.projectId === null || resource.projectId === null || resource.projectId === subject.projectId;
      if (!isOwn && !(isAdmin && resource.type === "project")) return { effect: "deny", reason: "another project", isHidden: true };
      const isGranted = subject.scopes.includes(action) || (isAdmin && resource.type !== "module");
      return isGranted ? { effect: "allow" } : { effect: "deny", reason: `needs the scope ${action}` };
    },
    list(subject, _action, type) {
      if (type !== "project" || subject.projectId === null || subject.scopes.includes("admin")) return "all";
      return [subject.projectId];
    },
  };
}
