// Stage: compares X-Cuitty-Signature with the raw bytes, before anything is unpacked or parsed.
import { CuittyError } from "@cuitty/wire-protocol";
import { type Verification, verifyBody } from "@cuitty/wire-protocol/signature";
import type { SecretDirectory, SigningPolicy } from "../auth/directory.ts";
import { idempotencyKeyOf } from "./idempotency-key.ts";
import type { Stage, StageContext } from "./stage.ts";

const messages = {
  signature_required:
    "Expected X-Cuitty-Signature: hex(hmac_sha256(webhook secret, body)), without a prefix; this project takes signed batches only",
  signature_mismatch:
    "X-Cuitty-Signature does not match the body as received; sign the exact bytes that are sent, after compression, with this project's webhook secret",
  signature_expired: "The signature's time is too far from this server's; check the client's clock and sign each try anew",
} as const;

const extendedForm =
  'X-Cuitty-Signature: t=<Unix seconds>,k=<secret id>,v1=<hex>, where v1 is hex(hmac_sha256(webhook secret, "v1\\n<t>\\n<idempotency key>\\n" + body))';

const extendedMessages = {
  ...messages,
  signature_required: `Expected ${extendedForm}; this project takes the extended form only`,
  signature_mismatch: `The signature does not match the body, time and idempotency key as received; expected ${extendedForm}, over the exact bytes that are sent, after compression`,
} as const;

/**
 * Uses `wireBody`, `projectId` and `credential`. Publishable keys carry no secret and need no signature; a wrong one is refused all the same.
 * **Errors**: `signature_required`, `signature_mismatch`, `signature_expired`.
 */
export function verifySignature(secrets: SecretDirectory): Stage {
  return (context) => {
    if (isPublishable(context) && context.exchange.header("x-cuitty-signature") === null) return undefined;
    const policy = secrets.signingPolicy(projectIdOf(context));
    return policy instanceof Promise ? policy.then((value) => check(context, value)) : check(context, policy);
  };
}

function check(context: StageContext, policy: SigningPolicy | null): undefined {
  if (policy === null) throw new CuittyError("not_found", "Expected a project that exists; it may have been deleted");
  const header = context.exchange.header("x-cuitty-signature");
  const mayBeUnsigned = policy.policy === "optional" || isPublishable(context);
  if (header === null && mayBeUnsigned) return;
  if (header === "" && mayBeUnsigned) {
    throw new CuittyError("signature_mismatch", "X-Cuitty-Signature is empty; leave it out, or sign the exact bytes that are sent");
  }
  const isExtended = policy.policy === "extended" && !mayBeUnsigned;
  const { wireBody } = context;
  if (wireBody === null) throw new CuittyError("internal", "verifySignature must come after readBody");
  const options = {
    header,
    requireExtended: isExtended,
    idempotencyKey: idempotencyKeyOf(context.exchange) ?? "",
    nowMs: context.receivedAtMs,
  };
  let verification: Verification = verifyBody(wireBody, { ...options, secrets: policy.secrets });
  if (!verification.ok && verification.reason === "mismatch") verification = verifyWithKey(context, wireBody, options) ?? verification;
  if (!verification.ok) throw new CuittyError(verification.code, (isExtended ? extendedMessages : messages)[verification.code]);
}

const isPublishable = ({ credential }: StageContext): boolean => credential?.kind === "pk";

/** A client that was given no webhook secret signs with its own secret key; a publishable one proves nothing. */
function verifyWithKey(
  context: StageContext,
  body: Uint8Array,
  options: Omit<Parameters<typeof verifyBody>[1], "secrets">,
): Verification | null {
  const { credential } = context;
  const presented = context.exchange.header("authorization")?.replace(/^bearer +/i, "");
  if (credential?.kind !== "sk" || presented === undefined) return null;
  return verifyBody(body, { ...options, secrets: [{ id: credential.keyId, secret: presented }] });
}

function projectIdOf(context: StageContext): string {
  if (context.projectId !== null) return context.projectId;
  throw new CuittyError("invalid_request", "Expected X-Project-Id to name the project, as this credential is not bound to one");
}
