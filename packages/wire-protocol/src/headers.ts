// Header names of the wire protocol, spelled once.

/** Names as sent; compare case-insensitively (RFC 9110 section 5.1). */
export const HEADER = {
  authorization: "Authorization",
  signature: "X-Cuitty-Signature",
  idempotencyKey: "X-Cuitty-Idempotency-Key",
  projectId: "X-Project-Id",
  sentAt: "X-Cuitty-Sent-At",
  sdk: "X-Cuitty-Sdk",
  requestId: "X-Request-Id",
  replayed: "Idempotency-Replayed",
} as const;

/** Accepted for the idempotency key, in order of preference; the last is the IETF draft's name. */
export const IDEMPOTENCY_KEY_HEADERS = ["X-Cuitty-Idempotency-Key", "X-Idempotency-Key", "Idempotency-Key"] as const;
