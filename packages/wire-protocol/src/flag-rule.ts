// The feature-flag rule, one for server, SDK and browser: killed, disabled, cohort, percentage.
import { sha256 } from "./signature/hmac.ts";

/** What the rule needs to know about a flag. */
export interface FlagDefinition {
  readonly key: string;
  readonly enabled: boolean;
  /** @default false */
  readonly killed?: boolean;
  /** Units: percent of users, 0 to 100; fractions are allowed and count whole buckets below them. @default 100 */
  readonly rollout?: number;
  /** Dimension to allowed values; an empty list is no condition. */
  readonly cohorts?: Readonly<Record<string, readonly string[]>>;
}

/** Who is asking. Dimensions may be one value or several; numbers and booleans match by their text. */
export interface FlagContext {
  /** Targeting key; the same user always gets the same answer. */
  readonly userId?: string;
  readonly [dimension: string]: unknown;
}

/** Why a flag has its value. */
export type FlagReason = "killed" | "disabled" | "cohort_mismatch" | "targeting_key_missing" | "static" | "split";

/** Value of a flag for a user, and why. */
export interface FlagEvaluation {
  readonly enabled: boolean;
  /** `static`: everybody gets this answer. `split`: this user's bucket decided. */
  readonly reason: FlagReason;
  /** 0 to 99; null when the bucket was not needed. */
  readonly bucket: number | null;
}

/**
 * Whether a flag is on for somebody. Pure, and the same on every runtime.
 * **Order**: killed, disabled, cohorts (each non-empty dimension must match), percentage.
 * 0 percent is false and 100 percent true without a user; between them a missing user gets false.
 * **Source**: module page "Feature Flags".
 */
export function evaluateFlag(flag: FlagDefinition, context: FlagContext = {}): FlagEvaluation {
  if (flag.killed === true) return { enabled: false, reason: "killed", bucket: null };
  if (!flag.enabled) return { enabled: false, reason: "disabled", bucket: null };
  if (!matchesCohorts(flag.cohorts ?? {}, context)) return { enabled: false, reason: "cohort_mismatch", bucket: null };
  const rollout = flag.rollout ?? 100;
  if (rollout >= 100) return { enabled: true, reason: "static", bucket: null };
  if (!(rollout > 0)) return { enabled: false, reason: "static", bucket: null };
  const userId = Object.hasOwn(context, "userId") ? context.userId : undefined;
  if (typeof userId !== "string" || userId === "") return { enabled: false, reason: "targeting_key_missing", bucket: null };
  const bucket = flagBucket(flag.key, userId);
  return { enabled: bucket < rollout, reason: "split", bucket };
}

/** Bucket 0 to 99: the first four bytes, big-endian, of SHA-256(`flagKey:userId` in UTF-8), mod 100. */
export function flagBucket(flagKey: string, userId: string): number {
  const digest = sha256(new TextEncoder().encode(`${flagKey}:${userId}`));
  return new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0) % 100;
}

function matchesCohorts(cohorts: Readonly<Record<string, readonly string[]>>, context: FlagContext): boolean {
  return Object.entries(cohorts).every(([dimension, allowed]) => {
    if (allowed.length === 0) return true;
    const given = Object.hasOwn(context, dimension) ? context[dimension] : undefined;
    const values = Array.isArray(given) ? given : [given];
    return values.some((value) => isScalar(value) && allowed.includes(String(value)));
  });
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
