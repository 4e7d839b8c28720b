// Routes of API keys. Source: API reference, "API keys"; rotation added to it.
import { CuittyError } from "@cuitty/wire-protocol";
import { parseTimestamp } from "@cuitty/wire-protocol/timestamp";
import { type Static, Type } from "@sinclair/typebox";
import type { NewKey } from "../auth/key-store.ts";
import type { Identity } from "../auth/open-identity.ts";
import { notFound } from "../dispatch.ts";
import { defineRoute, type Subject } from "../route.ts";
import type { MountedRoute } from "../router.ts";
import { keepAdministrator } from "./last-administrator.ts";
import { projectOrThrow, projectResource } from "./resources.ts";
import { graceSchema, idParams, issuedKeySchema, keyParams, keyReply, keySchema, scopeSchema } from "./schemas.ts";

const newKey = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    kind: Type.Optional(Type.Union([Type.Literal("sk"), Type.Literal("pk")], { default: "sk" })),
    scopes: Type.Optional(
      Type.Array(scopeSchema, {
        minItems: 1,
        uniqueItems: true,
        description: "Default: ingest and read; of a publishable key always ingest.",
      }),
    ),
    origins: Type.Optional(
      Type.Array(Type.String({ maxLength: 200 }), {
        minItems: 1,
        maxItems: 50,
        description: "Needed for a publishable key; not for a secret one.",
      }),
    ),
    expiresAt: Type.Optional(Type.String({ description: "RFC 3339; never when absent." })),
  },
  { additionalProperties: false },
);

type KeyInput = Static<typeof newKey>;

/** All need the scope `keys` of the project, or `admin` of its organization. */
export function keyRoutes(identity: Identity): readonly MountedRoute[] {
  const { keys } = identity;
  const resource = projectResource(identity);

  const list = defineRoute({
    method: "GET",
    path: "/api/projects/{id}/keys",
    operationId: "listKeys",
    summary: "List API keys, ended ones too",
    action: "keys",
    params: idParams,
    reply: Type.Object({ keys: Type.Array(keySchema) }),
    handle: async ({ params }) => ({ keys: keys.list(params.id).map(keyReply) }),
  });

  const create = defineRoute({
    method: "POST",
    path: "/api/projects/{id}/keys",
    operationId: "createKey",
    summary: "Create an API key; answers its text once",
    action: "keys",
    params: idParams,
    body: newKey,
    reply: issuedKeySchema,
    status: 201,
    async handle({ subject, params, body, nowMs, requestId }) {
      const project = projectOrThrow(identity, params.id);
      const input = keyInput(body, subject, nowMs);
      const owner = { projectId: project.id, organizationId: project.organizationId };
      const issued = keys.issue({ ...input, ...owner }, identity.actorOf(subject, requestId));
      return { ...keyReply(issued.record), key: issued.key };
    },
  });

  const revoke = defineRoute({
    method: "DELETE",
    path: "/api/projects/{id}/keys/{kid}",
    operationId: "revokeKey",
    summary: "Revoke a key; works again and again",
    action: "keys",
    params: keyParams,
    reply: Type.Null(),
    status: 204,
    async handle({ subject, params, requestId }) {
      const record = keys.get(params.id, params.kid);
      if (record === null) throw notFound();
      checkScopes(subject, record.scopes, "revoke");
      keepAdministrator(identity, {
        organizationId: record.organizationId,
        isEnded: ({ id }) => id === record.id,
        first: "create one first, or rotate this one",
      });
      keys.revoke(params.id, params.kid, identity.actorOf(subject, requestId));
      return null;
    },
  });

  const rotate = defineRoute({
    method: "POST",
    path: "/api/projects/{id}/keys/{kid}/rotate",
    operationId: "rotateKey",
    summary: "Replace a key by a new one with the same rights; answers its text once",
    action: "keys",
    params: keyParams,
    body: graceSchema,
    reply: issuedKeySchema,
    status: 201,
    async handle({ subject, params, body, requestId }) {
      const record = keys.get(params.id, params.kid);
      if (record === null) throw notFound();
      checkScopes(subject, record.scopes, "rotate");
      const issued = keys.rotate(record, body.graceSeconds ?? 0, identity.actorOf(subject, requestId));
      return { ...keyReply(issued.record), key: issued.key };
    },
  });

  return [list, create, revoke, rotate].map((route) => ({ route, path: route.path, module: null, resource }));
}

/** Errors: `invalid_request`, `insufficient_scope`. */
function keyInput(body: KeyInput, subject: Subject, nowMs: number): Omit<NewKey, "projectId" | "organizationId"> {
  const kind = body.kind ?? "sk";
  const scopes = body.scopes ?? (kind === "pk" ? ["ingest"] : ["ingest", "read"]);
  const origins = (body.origins ?? []).map(originOf);
  if (kind === "pk" && (scopes.length !== 1 || scopes[0] !== "ingest")) {
    throw new CuittyError("invalid_request", 'body.scopes: expected ["ingest"] for a publishable key, which anyone can read');
  }
  if (kind === "pk" && origins.length === 0) {
    throw new CuittyError(
      "invalid_request",
      'body.origins: expected the pages a publishable key is used from, such as "https://app.example.com"',
    );
  }
  if (kind === "sk" && origins.length > 0) {
    throw new CuittyError(
      "invalid_request",
      "body.origins: expected none for a secret key, which no browser may hold; they go with kind pk",
    );
  }
  checkScopes(subject, scopes, "grant");
  return { name: body.name ?? null, kind, scopes, origins, expiresAt: expiryOf(body.expiresAt, nowMs) };
}

/** Nobody hands out, or takes away, more than he has. */
function checkScopes(subject: Subject, scopes: readonly string[], what: "grant" | "rotate" | "revoke"): void {
  const missing = scopes.filter((scope) => !subject.scopes.includes(scope) && !subject.scopes.includes("admin"));
  if (missing.length > 0)
    throw new CuittyError("insufficient_scope", `Expected a key that has ${missing.join(", ")} itself, to ${what} one that has it`);
}

function originOf(text: string): string {
  if (text === "*") return text;
  // A star within an origin is a name like any other to a URL parser, and the origin of no page.
  const url = URL.canParse(text) && !text.includes("*") ? new URL(text) : null;
  if (url !== null && (url.protocol === "https:" || url.protocol === "http:") && url.origin === text.replace(/\/$/, "")) return url.origin;
  throw new CuittyError(
    "invalid_request",
    'body.origins: expected whole origins such as "https://app.example.com", without a path or a pattern, or "*" for all',
  );
}

function expiryOf(text: string | undefined, nowMs: number): number | null {
  if (text === undefined) return null;
  const atMs = parseTimestamp(text)?.tsMs ?? Number.NaN;
  if (atMs > nowMs) return Math.floor(atMs / 1000);
  throw new CuittyError("invalid_request", "body.expiresAt: expected a time in the future, RFC 3339, such as 2027-01-31T00:00:00Z");
}
