// The HTTP statuses of the wire protocol: what each means and whether a client sends the same bytes again.

/** A status that a server answers batches with, and what a client does about it. */
export interface WireStatus {
  readonly status: number;
  readonly meaning: string;
  /** Whether a client may send the batch again unchanged, after `Retry-After` or its own delay. */
  readonly retry: boolean;
}

/** Every status `POST /api/ingest` answers with. Source: wire protocol, "Status codes"; 408, 409, 415 and 422 added to it. */
export const WIRE_STATUSES: readonly WireStatus[] = [
  {
    status: 200,
    meaning: "Batch processed and on disk; the body says which events were accepted and which rejected. Never send it again.",
    retry: false,
  },
  { status: 400, meaning: "Body is not valid JSON, `events` is missing, or a header is malformed.", retry: false },
  { status: 401, meaning: "Missing or invalid `Authorization` bearer.", retry: false },
  { status: 403, meaning: "Signature missing or not matching, or the key may not do this.", retry: false },
  { status: 408, meaning: "The body did not arrive in time.", retry: true },
  { status: 409, meaning: "A request with this idempotency key is still being processed.", retry: false },
  { status: 413, meaning: "Batch exceeds the size limit. Split into smaller batches.", retry: false },
  { status: 415, meaning: "Content type or content coding is not supported.", retry: false },
  { status: 422, meaning: "The idempotency key was used with another body.", retry: false },
  { status: 429, meaning: "Rate limit hit. Retry with exponential backoff, not before `Retry-After`.", retry: true },
  { status: 503, meaning: "The portal is shedding load. Retry, not before `Retry-After`.", retry: true },
];

/** Whether sending the same batch again may succeed: 408, 429 and every 5xx. Network errors, which have no status, are retried too. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status <= 599);
}
