// Limits of the wire, one place. Units are in the names; all can be lowered by a server, none raised by a client.

/** Hard limits of a batch, and the rates of a project that sets none. Sizes are bytes, other units stand in the names. */
export const LIMITS = {
  /** On the wire and again after decompression. */
  batchBytes: 5 * 1024 * 1024,
  batchEvents: 10_000,
  eventBytes: 256 * 1024,
  jsonDepth: 64,
  idempotencyKeyMinChars: 8,
  idempotencyKeyMaxChars: 128,
  idempotencyKeyTtlMs: 24 * 60 * 60 * 1000,
  signatureWindowSeconds: 300,
  eventsPerSecond: 1_000,
  batchesPerSecond: 100,
} as const;
