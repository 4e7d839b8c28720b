// Bounds of a client, one place. Units: events or bytes, as named.

/** Over everything in memory. */
export const maxEvents = 10_000;
export const maxBytes = 8 * 2 ** 20;
export const maxEventBytes = 2 ** 18;
/** Of one request. */
export const maxBatchEvents = 1_000;
export const maxBatchBytes = 2 ** 20;
/** What an event takes beside its JSON text: `"id":"<36>",` and the comma to the next one. */
export const eventOverhead = 45;
/** What a request takes beside its events: `{"events":[` and `]}`. */
export const bodyOverhead = 13;
