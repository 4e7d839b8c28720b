// Routes of projects. Source: API reference, "Projects"; the secret's rotation added to it.
import { type Static, Type } from "@sinclair/typebox";
import type { Authorizer } from "../auth/authorize.ts";
import type { Identity } from "../auth/open-identity.ts";
import { idToCursor, parseIdCursor } from "../modules/shared/list-cursor.ts";
import { defineRoute } from "../route.ts";
import type { MountedRoute } from "../router.ts";
import { keepAdministrator } from "./last-administrator.ts";
import { organizationResource, projectOrThrow, projectResource } from "./resources.ts";
import {
  createdProjectSchema,
  graceSchema,
  idParams,
  issuedSecretSchema,
  limitsSchema,
  projectReply,
  projectSchema,
  signaturePolicySchema,
} from "./schemas.ts";

const name = Type.String({ minLength: 1, maxLength: 200 });
const slug = Type.String({
  pattern: "^[a-z0-9]+(-[a-z0-9]+)*$",
  maxLength: 60,
  description: "Free in the organization; made of the name when absent.",
});

const newProject = Type.Object(
  { name, slug: Type.Optional(slug), signaturePolicy: Type.Optional(signaturePolicySchema), limits: Type.Optional(limitsSchema) },
  { additionalProperties: false },
);

const projectChange = Type.Object(
  { name: Type.Optional(name), signaturePolicy: Type.Optional(signaturePolicySchema), limits: Type.Optional(limitsSchema) },
  { additionalProperties: false, minProperties: 1 },
);

const listQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
  cursor: Type.Optional(Type.String({ maxLength: 128, description: "`nextCursor` of the page before." })),
});

const listReply = Type.Object({
  projects: Type.Array(projectSchema),
  nextCursor: Type.Union([Type.String(), Type.Null()], { description: "For the next page; null on the last one." }),
});

/** Creating and changing needs `admin`; reading needs `read`, and shows what the subject may see. */
export function projectRoutes(identity: Identity, authorizer: Authorizer): readonly MountedRoute[] {
  const { projects } = identity;
  const one = projectResource(identity);

  const list = defineRoute({
    method: "GET",
    path: "/api/projects",
    operationId: "listProjects",
    summary: "List projects in the organization",
    action: "read",
    query: listQuery,
    reply: listReply,
    async handle({ subject, query }) {
      const limit = query.limit ?? 100;
      const visible = await authorizer.list(subject, "read", "project");
      const scope = { table: "projects", projectId: subject.organizationId };
      const page = projects.list(subject.organizationId, {
        afterId: query.cursor === undefined ? "" : parseIdCursor(query.cursor, scope),
        limit: limit + 1,
        only: visible === "all" ? null : visible,
      });
      const shown = page.slice(0, limit);
      const last = page.length > limit ? shown.at(-1) : undefined;
      return { projects: shown.map(projectReply), nextCursor: last === undefined ? null : idToCursor(last.id, scope) };
    },
  });

  const create = defineRoute({
    method: "POST",
    path: "/api/projects",
    operationId: "createProject",
    summary: "Create a project; answers its webhook secret once",
    action: "admin",
    body: newProject,
    reply: createdProjectSchema,
    status: 201,
    async handle({ subject, body, requestId }) {
      const made = projects.create({ ...body, organizationId: subject.organizationId }, identity.actorOf(subject, requestId));
      return { ...projectReply(made.project), secretId: made.secretId, webhookSecret: made.webhookSecret };
    },
  });

  const read = defineRoute({
    method: "GET",
    path: "/api/projects/{id}",
    operationId: "getProject",
    summary: "Read a project",
    action: "read",
    params: idParams,
    reply: projectSchema,
    handle: async ({ params }) => projectReply(projectOrThrow(identity, params.id)),
  });

  const update = defineRoute({
    method: "PATCH",
    path: "/api/projects/{id}",
    operationId: "updateProject",
    summary: "Update a project",
    action: "admin",
    params: idParams,
    body: projectChange,
    reply: projectSchema,
    async handle({ subject, params, body, requestId }) {
      const project = projectOrThrow(identity, params.id);
      return projectReply(projects.update(project, body as Static<typeof projectChange>, identity.actorOf(subject, requestId)));
    },
  });

  const remove = defineRoute({
    method: "DELETE",
    path: "/api/projects/{id}",
    operationId: "deleteProject",
    summary: "Soft-delete a project: its keys stop working, its events stay",
    action: "admin",
    params: idParams,
    reply: Type.Null(),
    status: 204,
    async handle({ subject, params, requestId }) {
      const project = projectOrThrow(identity, params.id);
      keepAdministrator(identity, {
        organizationId: project.organizationId,
        isEnded: ({ projectId }) => projectId === project.id,
        first: "create one in another project first",
      });
      projects.remove(project, identity.actorOf(subject, requestId));
      return null;
    },
  });

  const rotateSecret = defineRoute({
    method: "POST",
    path: "/api/projects/{id}/secret/rotate",
    operationId: "rotateProjectSecret",
    summary: "Make a new webhook secret; answers it once",
    action: "keys",
    params: idParams,
    body: graceSchema,
    reply: issuedSecretSchema,
    status: 201,
    async handle({ subject, params, body, requestId }) {
      const project = projectOrThrow(identity, params.id);
      return projects.rotateSecret(project, body.graceSeconds ?? 0, identity.actorOf(subject, requestId));
    },
  });

  return [
    { route: list, path: list.path, module: null, resource: organizationResource },
    { route: create, path: create.path, module: null, resource: organizationResource },
    ...[read, update, remove, rotateSecret].map((route) => ({ route, path: route.path, module: null, resource: one })),
  ];
}
