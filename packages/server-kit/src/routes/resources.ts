// What kit and module routes are about, told from our own rows.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Resource } from "../auth/authorize.ts";
import type { Identity } from "../auth/open-identity.ts";
import type { ProjectRecord } from "../auth/project-store.ts";
import { notFound } from "../dispatch.ts";
import type { Subject } from "../route.ts";
import type { ResourceRequest } from "../router.ts";

/** The subject's whole organisation. */
export function organizationResource({ subject }: ResourceRequest): Resource {
  return { type: "organization", id: subject.organizationId, organizationId: subject.organizationId, projectId: null };
}

/** The project named `{id}`. Errors: `not_found`. */
export function projectResource(identity: Identity): (request: ResourceRequest) => Resource {
  return ({ params }) => {
    const project = projectOrThrow(identity, params.id ?? "");
    return { type: "project", id: project.id, organizationId: project.organizationId, projectId: project.id };
  };
}

/** A module's data in the project of the request. Errors: `invalid_request` when none is named, `not_found`. */
export function moduleResource(identity: Identity, name: string): (request: ResourceRequest) => Resource {
  return ({ subject, projectId }) => {
    if (projectId === null)
      throw new CuittyError("invalid_request", "Expected X-Project-Id to name the project, as this credential is not bound to one");
    return moduleOf(identity, { subject, projectId, name });
  };
}

/** A module's data in a project that exists. Whoever is bound to the project, by its key or by the app's own word, is of its organisation. Errors: `not_found`. */
export function moduleOf(
  identity: Identity,
  { subject, projectId, name }: { readonly subject: Subject; readonly projectId: string; readonly name: string },
): Resource {
  const project = projectOrThrow(identity, projectId);
  const organizationId = projectId === subject.projectId ? subject.organizationId : project.organizationId;
  return { type: "module", id: name, organizationId, projectId };
}

/** Errors: `not_found`. */
export function projectOrThrow(identity: Identity, projectId: string): ProjectRecord {
  const project = identity.projects.get(projectId);
  if (project === null) throw notFound();
  return project;
}
