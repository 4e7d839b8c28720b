// Public surface of the contract: types and plain constants. Runtime schemas are subpaths, so that a browser bundle never pulls in TypeBox.
export { CuittyError, type CuittyErrorOptions, isCuittyError } from "./cuitty-error.ts";
export type { IngestEnvelope, IngestReply, RejectedReplyEvent } from "./envelope.ts";
export { ERROR_CODES, type ErrorCode, type ErrorCodeEntry, isErrorCode } from "./error-codes.ts";
export { type CuittyEvent, EVENT_TYPES, type EventData, type EventType } from "./event.ts";
export { HEADER, IDEMPOTENCY_KEY_HEADERS } from "./headers.ts";
export { LIMITS } from "./limits.ts";
export {
  errorOfProblem,
  PROBLEM_CONTENT_TYPE,
  type Problem,
  type ProblemFieldError,
  type ProblemOptions,
  problemOf,
  problemTypeOf,
} from "./problem.ts";
export { isRetryableStatus, WIRE_STATUSES, type WireStatus } from "./status.ts";
