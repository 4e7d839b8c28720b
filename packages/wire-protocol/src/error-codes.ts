// Every code an HTTP answer of the kit can carry, with its status: plain data for servers, clients and documentation.

/** The HTTP status and title that a code is answered with. */
export interface ErrorCodeEntry {
  readonly status: number;
  /** Short and the same for every occurrence (RFC 9457 section 3.1.3). */
  readonly title: string;
}

/** Code to status and title. Codes are API: adding one is minor, renaming one or changing its status is major. */
export const ERROR_CODES = {
  invalid_json: { status: 400, title: "Body is not valid JSON" },
  invalid_utf8: { status: 400, title: "Body is not valid UTF-8" },
  invalid_envelope: { status: 400, title: "Body has no list of events" },
  invalid_request: { status: 400, title: "Request is malformed" },
  invalid_cursor: { status: 400, title: "Cursor is not one of ours" },
  idempotency_key_invalid: { status: 400, title: "Idempotency key is malformed" },
  unauthorized: { status: 401, title: "Authorization is missing or invalid" },
  forbidden: { status: 403, title: "Not allowed" },
  insufficient_scope: { status: 403, title: "The key lacks the scope" },
  origin_not_allowed: { status: 403, title: "The key may not be used from this origin" },
  project_mismatch: { status: 403, title: "The key belongs to another project" },
  signature_required: { status: 403, title: "Signature is missing" },
  signature_mismatch: { status: 403, title: "Signature does not match" },
  signature_expired: { status: 403, title: "Signature is outside its time window" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method is not allowed here" },
  request_timeout: { status: 408, title: "The body did not arrive in time" },
  idempotency_key_in_use: { status: 409, title: "A request with this key is in progress" },
  conflict: { status: 409, title: "The resource is not in the state this needs" },
  cursor_expired: { status: 410, title: "The cursor is older than retention" },
  batch_too_large: { status: 413, title: "Batch is too large" },
  too_many_events: { status: 413, title: "Batch has too many events" },
  batch_exceeds_burst: { status: 413, title: "Batch is larger than the rate limit can ever pass" },
  unsupported_media_type: { status: 415, title: "Content type is not supported" },
  unsupported_content_encoding: { status: 415, title: "Content coding is not supported" },
  idempotency_key_reused: { status: 422, title: "The key was used with another body" },
  headers_too_large: { status: 431, title: "Headers are too large" },
  rate_limited: { status: 429, title: "Rate limit hit" },
  internal: { status: 500, title: "Internal error" },
  body_already_consumed: { status: 500, title: "The body was read before the kit could read it" },
  overloaded: { status: 503, title: "Shedding load" },
  storage_unavailable: { status: 503, title: "Storage is not available" },
  disk_full: { status: 503, title: "The disk is full" },
  shutting_down: { status: 503, title: "Shutting down" },
} as const satisfies Record<string, ErrorCodeEntry>;

/** Code of a problem that a server answers with: for an exhaustive `switch`. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** True for a code of the table; inherited names such as `constructor` are not. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
}
