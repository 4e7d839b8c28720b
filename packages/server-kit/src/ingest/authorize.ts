// Stages: may this subject send to this project, and events of these types. Asked per batch and per module, never per event.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Authorizer, Resource } from "../auth/authorize.ts";
import type { ModuleTypes } from "../modules.ts";
import type { Subject } from "../route.ts";
import type { Stage, StageContext } from "./stage.ts";

/** Uses `subject` and `projectId`: refuses a key without the scope before its body is read. **Errors**: `insufficient_scope`. */
export function authorizeIngest(authorizer: Authorizer): Stage {
  return (context) => ask(authorizer, subjectOf(context), { type: "project", id: context.projectId ?? "" }, context.projectId);
}

/** Uses `subject`, `projectId` and `batch`. **Errors**: `insufficient_scope`. */
export function authorizeTypes(authorizer: Authorizer, modules: ModuleTypes): Stage {
  return async (context) => {
    const { batch } = context;
    if (batch === null) throw new CuittyError("internal", "authorizeTypes must come after validate");
    const names = new Set<string>();
    let lastType: string | undefined;
    for (const { type } of batch.valid) {
      if (type !== lastType) names.add(modules.nameOfType(type) ?? type);
      lastType = type;
    }
    for (const id of names) await ask(authorizer, subjectOf(context), { type: "module", id }, context.projectId);
  };
}

async function ask(
  authorizer: Authorizer,
  subject: Subject,
  about: Pick<Resource, "type" | "id">,
  projectId: string | null,
): Promise<undefined> {
  const decision = await authorizer.authorize(subject, "ingest", { ...about, organizationId: subject.organizationId, projectId });
  if (decision.effect !== "allow") throw new CuittyError("insufficient_scope", "Expected a key with the scope ingest for this project");
}

function subjectOf(context: StageContext): Subject {
  if (context.subject !== null) return context.subject;
  throw new CuittyError("internal", "authorize must come after authenticate");
}
