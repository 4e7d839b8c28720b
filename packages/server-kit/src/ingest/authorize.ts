// Stages: may this subject send to this project, and events of these types. Asked per batch and per module, never per event.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Authorizer, Resource } from "../auth/authorize.ts";
import { authorize, notFound } from "../dispatch.ts";
import type { ModuleTypes } from "../modules.ts";
import type { Subject } from "../route.ts";
import type { Stage, StageContext } from "./stage.ts";

/** Tells whose a project is, from rows of your own; null when there is none. */
export type OrganizationOf = (projectId: string) => Promise<string | null> | string | null;

export interface AuthorizeIngestOptions {
  /** Needed where subjects are not bound to a project and name one in `X-Project-Id`. @default a subject's own project alone exists */
  readonly organizationOf?: OrganizationOf | undefined;
}

/** Uses `subject` and `projectId`: refuses a key without the scope before its body is read. **Errors**: `not_found`, `insufficient_scope`. */
export function authorizeIngest(authorizer: Authorizer, options: AuthorizeIngestOptions = {}): Stage {
  const ask = asker(authorizer, options);
  return (context) => ask(context, { type: "project", id: context.projectId ?? "" });
}

/** Uses `subject`, `projectId` and `batch`. **Errors**: `not_found`, `insufficient_scope`. */
export function authorizeTypes(authorizer: Authorizer, modules: ModuleTypes, options: AuthorizeIngestOptions = {}): Stage {
  const ask = asker(authorizer, options);
  return async (context) => {
    const { batch } = context;
    if (batch === null) throw new CuittyError("internal", "authorizeTypes must come after validate");
    const names = new Set<string>();
    let lastType: string | undefined;
    for (const { type } of batch.valid) {
      if (type !== lastType) names.add(modules.nameOfType(type) ?? type);
      lastType = type;
    }
    for (const id of names) await ask(context, { type: "module", id });
  };
}

/**
 * Whose a project is, as far as this subject is concerned. One that it is bound to, by its key or by the app's own word, is of its organisation;
 * for any other a header is no proof, and what nobody knows does not exist. Errors: `not_found`.
 */
export async function ownerOf(subject: Subject, projectId: string, organizationOf: OrganizationOf | undefined): Promise<string> {
  if (projectId === subject.projectId) return subject.organizationId;
  const organizationId = await organizationOf?.(projectId);
  if (organizationId === undefined || organizationId === null) throw notFound();
  return organizationId;
}

type Ask = (context: StageContext, about: Pick<Resource, "type" | "id">) => Promise<undefined>;

function asker(authorizer: Authorizer, { organizationOf }: AuthorizeIngestOptions): Ask {
  return async (context, about) => {
    const { projectId } = context;
    const subject = subjectOf(context);
    // A request that names no project is about none: a later stage says so.
    const organizationId = projectId === null ? subject.organizationId : await ownerOf(subject, projectId, organizationOf);
    await authorize(authorizer, { subject }, { action: "ingest", resource: { ...about, organizationId, projectId } });
  };
}

function subjectOf(context: StageContext): Subject {
  if (context.subject !== null) return context.subject;
  throw new CuittyError("internal", "authorize must come after authenticate");
}
