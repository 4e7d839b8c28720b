// Shapes of the management routes. Times are RFC 3339, as everywhere on the wire.
import { type Static, Type } from "@sinclair/typebox";
import type { KeyRecord } from "../auth/key-records.ts";
import type { ProjectRecord } from "../auth/project-store.ts";

const time = (description: string) => Type.String({ format: "date-time", description });
const nullableTime = (description: string) => Type.Union([Type.String({ format: "date-time" }), Type.Null()], { description });

export const limitsSchema = Type.Object(
  {
    eventsPerSecond: Type.Optional(Type.Number({ minimum: 0.001, maximum: 1e9 })),
    batchesPerSecond: Type.Optional(Type.Number({ minimum: 0.001, maximum: 1e9 })),
    batchBytes: Type.Optional(Type.Integer({ minimum: 1, description: "Never above the wire's own limit of 5 MiB." })),
  },
  { additionalProperties: false, description: "Ingest limits of the project; what is absent is the server's default." },
);

export const signaturePolicySchema = Type.Union([Type.Literal("required"), Type.Literal("optional"), Type.Literal("extended")], {
  description:
    "required: every batch of a secret key is signed. optional: a signature that is sent must match. extended: it also covers time and idempotency key.",
});

export const projectSchema = Type.Object(
  {
    id: Type.String(),
    organizationId: Type.String(),
    name: Type.String(),
    slug: Type.String(),
    signaturePolicy: signaturePolicySchema,
    limits: limitsSchema,
    createdAt: time("When it was made."),
    updatedAt: time("When it was last changed."),
  },
  { $id: "Project", description: "A project: keys, secrets and events belong to one." },
);

export const scopeSchema = Type.Union([Type.Literal("ingest"), Type.Literal("read"), Type.Literal("keys"), Type.Literal("admin")]);

export const keySchema = Type.Object(
  {
    id: Type.String(),
    projectId: Type.String(),
    name: Type.Union([Type.String(), Type.Null()]),
    kind: Type.Union([Type.Literal("sk"), Type.Literal("pk")], { description: "sk: secret. pk: publishable, for browsers; ingest only." }),
    scopes: Type.Array(scopeSchema),
    origins: Type.Array(Type.String(), { description: "Web origins a publishable key may be used from; empty for secret keys." }),
    last4: Type.String({ description: "Last characters of the key, to tell keys apart." }),
    createdAt: time("When it was made."),
    expiresAt: nullableTime("When it ends; null when never."),
    revokedAt: nullableTime("When it was revoked; null when it was not."),
    lastUsedAt: nullableTime("Within a minute or so; null when never."),
    rotatedToId: Type.Union([Type.String(), Type.Null()], { description: "The key that took its place." }),
  },
  { $id: "ApiKey", description: "An API key, without its text." },
);

/** A key with its text, answered once. */
export const issuedKeySchema = Type.Composite([keySchema, Type.Object({ key: Type.String({ description: "Shown this once." }) })], {
  $id: "IssuedApiKey",
  description: "A new key. Its text cannot be read again.",
});

export const issuedSecretSchema = Type.Object(
  { secretId: Type.String(), webhookSecret: Type.String({ description: "Shown this once." }) },
  { $id: "IssuedSecret", description: "A new webhook secret. It cannot be read again." },
);

export const createdProjectSchema = Type.Composite([projectSchema, issuedSecretSchema], {
  $id: "CreatedProject",
  description: "A new project with its webhook secret.",
});

export const graceSchema = Type.Object(
  {
    graceSeconds: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 2_592_000, default: 0, description: "How long the old one goes on working. 0: not at all." }),
    ),
  },
  { additionalProperties: false },
);

export const idParams = Type.Object({ id: Type.String({ description: "Project id." }) });
export const keyParams = Type.Object({ id: Type.String({ description: "Project id." }), kid: Type.String({ description: "Key id." }) });

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
const isoOrNull = (seconds: number | null): string | null => (seconds === null ? null : isoOf(seconds));

export function projectReply(project: ProjectRecord): Static<typeof projectSchema> {
  return { ...project, createdAt: isoOf(project.createdAt), updatedAt: isoOf(project.updatedAt) };
}

export function keyReply(record: KeyRecord): Static<typeof keySchema> {
  const { id, projectId, name, kind, scopes, origins, last4, rotatedToId } = record;
  return {
    id,
    projectId,
    name,
    kind,
    scopes: scopes as Static<typeof scopeSchema>[],
    origins: [...origins],
    last4,
    createdAt: isoOf(record.createdAt),
    expiresAt: isoOrNull(record.expiresAt),
    revokedAt: isoOrNull(record.revokedAt),
    lastUsedAt: isoOrNull(record.lastUsedAt),
    rotatedToId,
  };
}
