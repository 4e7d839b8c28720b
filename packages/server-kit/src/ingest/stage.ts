// A stage: one small step of a request. It fills its part of the context, or ends the request with a Response.
import type { Credential } from "../auth/authenticate.ts";
import type { ValidEvent } from "../module.ts";
import type { Subject } from "../route.ts";
import type { Exchange } from "./exchange.ts";

/** `index` as sent, `reason` as documented (`data.actor: required`), `code` for programs. */
export interface RejectedEvent {
  readonly index: number;
  readonly reason: string;
  readonly code?: string;
}

/** Events after validation: what will be written, and what was refused and why. */
export interface CheckedBatch {
  readonly valid: readonly ValidEvent[];
  readonly rejected: readonly RejectedEvent[];
}

/** What became of a batch, in numbers. */
export interface BatchResult {
  readonly accepted: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Told from an earlier run; nothing was written now. */
  readonly isReplay: boolean;
}

export interface IdempotencyState {
  readonly key: string;
  /** SHA-256 of the decoded body; the same batch may be compressed differently on a retry. */
  readonly fingerprint: Uint8Array;
}

/** W3C trace context of the request; made when the client sent none or an invalid one. */
export interface TraceContext {
  readonly traceId: string;
  readonly parentId: string | null;
  readonly spanId: string;
  readonly isSampled: boolean;
  readonly traceState: string | null;
}

/** Everything one request carries through the stages. Made once per request, never shared. */
export interface StageContext {
  readonly exchange: Exchange;
  /** Echoed as `X-Request-Id`. */
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly receivedAtMs: number;

  /** Set by `authenticate`. */
  subject: Subject | null;
  /** Set by `authenticate` when an API key was presented. */
  credential: Credential | null;
  /** Set by `authenticate`: the project that this request is about. */
  projectId: string | null;
  /** Set by `shed`: told how much of the body has come, and what it is unpacked; throws when that is more than there is room for. Units: bytes. */
  claim: ((bytes: number) => void) | null;
  /** Set by `readBody`: the bytes on the wire. */
  wireBody: Uint8Array | null;
  /** Set by `decodeBody`: the bytes after Content-Encoding. */
  decodedBody: Uint8Array | null;
  /** Set by `decodeBody`: the batch as parsed, not validated. */
  events: readonly unknown[] | null;
  /** Set by `idempotency`; null when the client sent no key. */
  idempotency: IdempotencyState | null;
  /** Set by `validate`. */
  batch: CheckedBatch | null;
  /** Set by `write`: the reply's body. */
  replyBody: string | null;
  /** Set by `write`, or by `idempotency` for a replay. */
  result: BatchResult | null;

  /** Headers that every answer of this request carries (rate limits, replay mark). Lower-case names. */
  readonly replyHeaders: Map<string, string>;
  /** Runs `listener` once with the final answer, also when a stage threw. */
  onReply(listener: (reply: Response) => void): void;
}

/** What a stage gives: an answer that ends the request, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: reason: a stage written as a plain `async` function without `return` has the type Promise<void>.
export type StageResult = Response | undefined | void;

/** Resolves to a Response to end the request, to nothing to go on. Throws CuittyError for what `respond` turns into a problem. */
export type Stage = (context: StageContext) => Promise<StageResult> | StageResult;

/** Names of the built-in stages, in their order. */
export const STAGE_NAMES = [
  "shed",
  "authenticate",
  "authorize",
  "limitBatches",
  "readBody",
  "verifySignature",
  "decodeBody",
  "idempotency",
  "validate",
  "authorizeTypes",
  "limitEvents",
  "write",
  "respond",
] as const;

/** Name of a built-in stage. */
export type StageName = (typeof STAGE_NAMES)[number];
