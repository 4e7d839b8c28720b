// Keys and secrets from configuration, for a route of your own that has no system.db behind it.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Authenticated } from "./authenticate.ts";
import type { KeyDirectory, SecretDirectory, SignaturePolicy, SigningPolicy } from "./directory.ts";
import { hashKey, isSameHash, parseKey } from "./key-format.ts";

/** An API key that stands in the app's configuration. */
export interface StaticKey {
  /** The whole key, as `makeKey` or a kit made it. */
  readonly key: string;
  readonly projectId: string;
  /** @default "default" */
  readonly organizationId?: string | undefined;
  /** @default ["ingest"] */
  readonly scopes?: readonly string[] | undefined;
  /** For publishable keys. @default [] */
  readonly origins?: readonly string[] | undefined;
}

/** Keys given as a list. Errors: `invalid_option` for text that is not a key. */
export function staticKeys(keys: readonly StaticKey[]): KeyDirectory {
  const entriesById = new Map<string, { readonly hash: string; readonly found: Authenticated }>();
  for (const entry of keys) {
    const parsed = parseKey(entry.key);
    if (parsed === null)
      throw new CuittyError("invalid_option", "Expected keys of the form cuitty_sk_… with a valid checksum; make one with makeKey()");
    const { projectId, organizationId = "default", scopes = ["ingest"], origins = [] } = entry;
    const subject = { id: parsed.keyId, kind: "api_key", projectId, organizationId, scopes } as const;
    const found = { subject, credential: { keyId: parsed.keyId, kind: parsed.kind, origins } };
    entriesById.set(parsed.keyId, { hash: hashKey(entry.key), found });
  }
  return {
    find(key) {
      const parsed = parseKey(key);
      const entry = parsed === null ? undefined : entriesById.get(parsed.keyId);
      return entry !== undefined && isSameHash(hashKey(key), entry.hash) ? entry.found : null;
    },
  };
}

/** Webhook secrets that stand in the app's configuration. */
export interface StaticSecret {
  readonly projectId: string;
  /** Current first, then, during a rotation, the previous one. */
  readonly secrets: readonly string[];
  /** @default "required" */
  readonly policy?: SignaturePolicy | undefined;
}

/** Webhook secrets given as a list. */
export function staticSecrets(entries: readonly StaticSecret[]): SecretDirectory {
  const policyByProject = new Map<string, SigningPolicy>();
  for (const { projectId, secrets, policy = "required" } of entries) {
    policyByProject.set(projectId, { policy, secrets: secrets.map((secret, index) => ({ id: `${index}`, secret })) });
  }
  return { signingPolicy: (projectId) => policyByProject.get(projectId) ?? null };
}
