// Stage: who sends this. API keys are looked up here; anything else is asked of the `authenticate` port.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Authenticate } from "../auth/authenticate.ts";
import type { KeyDirectory } from "../auth/directory.ts";
import { allowOrigin } from "./cors.ts";
import type { Stage, StageContext } from "./stage.ts";

export interface AuthenticateOptions {
  /** Asked when no API key is presented: an app's own session, better-auth and the like. */
  readonly authenticate?: Authenticate | undefined;
}

// One bearer and nothing else: repeated headers arrive joined with ", " and must not pass as the first of them.
const bearerPattern = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Fills `subject`, `credential` and `projectId`. **Errors**: `unauthorized`, `project_mismatch`, `origin_not_allowed`.
 * @example authenticate(staticKeys([{ key, projectId: "shop" }]))
 */
export function authenticate(keys: KeyDirectory, options: AuthenticateOptions = {}): Stage {
  return (context) => {
    const header = context.exchange.header("authorization");
    const key = header === null ? undefined : bearerPattern.exec(header)?.[1];
    if (key?.startsWith("cuitty_")) {
      const found = keys.find(key);
      return found instanceof Promise ? found.then((value) => accept(context, keys, value)) : accept(context, keys, found);
    }
    return options.authenticate === undefined ? refuse(header) : askPort(context, options.authenticate);
  };
}

function accept(context: StageContext, keys: KeyDirectory, found: Awaited<ReturnType<KeyDirectory["find"]>>): undefined {
  if (found === null) throw unauthorized("Expected a live API key; this one is unknown, expired or revoked");
  const { subject, credential } = found;
  if (credential !== null) {
    if (credential.kind === "pk") checkOrigin(context, credential.origins);
    keys.touch?.(credential.keyId, context.receivedAtMs);
  }
  context.subject = subject;
  context.credential = credential;
  context.projectId = projectOf(context, subject.projectId);
}

async function askPort(context: StageContext, port: Authenticate): Promise<undefined> {
  const subject = await port(context.exchange.request);
  if (subject === null || subject === undefined) refuse(context.exchange.header("authorization"));
  context.subject = subject as NonNullable<typeof subject>;
  context.projectId = projectOf(context, context.subject.projectId);
}

/** The key decides; the header may only agree. A subject of a whole organisation names its project there. */
function projectOf(context: StageContext, own: string | null): string | null {
  const named = context.exchange.header("x-project-id");
  if (named === null || named === own) return own;
  if (own === null) return named;
  throw new CuittyError("project_mismatch", "X-Project-Id is not the project of this key; leave the header out or use that project's key");
}

/** A publishable key is public: where it may be used from is all that protects it. Browsers set Origin themselves. */
function checkOrigin(context: StageContext, origins: readonly string[]): void {
  const origin = context.exchange.header("origin");
  if (origin !== null && (origins.includes(origin) || origins.includes("*"))) {
    allowOrigin(context, origin);
    return;
  }
  throw new CuittyError("origin_not_allowed", "This publishable key may not be used from here; add the page's origin to the key's origins");
}

function refuse(header: string | null): never {
  throw unauthorized(
    header === null
      ? "Expected the header Authorization: Bearer <api key>"
      : "Expected one bearer token in Authorization: Bearer <api key>",
  );
}

function unauthorized(message: string): CuittyError {
  return new CuittyError("unauthorized", message);
}
