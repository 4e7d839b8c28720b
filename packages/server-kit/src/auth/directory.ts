// What stages ask about keys, secrets and limits: two small ports, so that a route of your own needs no kit.
import type { SigningSecret } from "@cuitty/wire-protocol/signature";
import type { Authenticated } from "./authenticate.ts";

/** Finds out whose key a bearer is. */
export interface KeyDirectory {
  /** Null for a key that is unknown, expired, revoked or disabled. Answers at once from memory where it can. */
  find(key: string): Promise<Authenticated | null> | Authenticated | null;
  /** Called for each request a key made; must be cheap. */
  touch?(keyId: string, atMs: number): void;
}

/** `required`: every batch of a secret key is signed. `optional`: a signature that is there must match. `extended`: the form that covers time and idempotency key. */
export type SignaturePolicy = "required" | "optional" | "extended";

export const SIGNATURE_POLICIES: readonly SignaturePolicy[] = ["required", "optional", "extended"];

/** Whether a project's batches are signed, and with what. */
export interface SigningPolicy {
  readonly policy: SignaturePolicy;
  /** The live secrets: the current one and, during a rotation, the previous one. */
  readonly secrets: readonly SigningSecret[];
}

/** Knows the webhook secrets of a project. */
export interface SecretDirectory {
  /** Null for a project that does not exist. */
  signingPolicy(projectId: string): Promise<SigningPolicy | null> | SigningPolicy | null;
}

/** Limits of one project; what is absent falls back to the kit's. */
export interface ProjectLimits {
  readonly eventsPerSecond?: number | undefined;
  readonly batchesPerSecond?: number | undefined;
  /** Units: bytes, on the wire and decoded. */
  readonly batchBytes?: number | undefined;
}
