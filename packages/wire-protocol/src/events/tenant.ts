// Data of a `tenant` event: the configuration of a project after a change.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, number, openObject, text } from "./fields.ts";

/** Source: wire protocol, "tenant"; module page "Tenants". */
export const tenantSchema = Type.Object(
  {
    projectId: identifier("Project it is about; not always the one the key belongs to."),
    plan: Type.Optional(text("Plan.")),
    ingestLimitPerSecond: Type.Optional(number("Units: events per second.")),
    batchLimitPerSecond: Type.Optional(number("Units: batches per second.")),
    batchBytesLimit: Type.Optional(number("Units: bytes.")),
    storageLimitBytes: Type.Optional(number("Units: bytes.")),
    retentionDays: Type.Optional(
      Type.Union([Type.Number(), openObject("Module to days.")], { description: "Units: days; for all modules, or by module." }),
    ),
    modules: Type.Optional(Type.Array(Type.String(), { description: "Modules that are on." })),
    actor: Type.Optional(text("Who changed it.")),
    reason: Type.Optional(text("Why it was changed.")),
    metadata: Type.Optional(openObject("Anything else worth keeping.")),
  },
  { title: "TenantData", description: "The configuration of a project after a change." },
);

export type TenantData = Static<typeof tenantSchema>;
