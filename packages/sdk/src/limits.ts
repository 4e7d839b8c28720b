// Bounds of a client, one place. Units: events or bytes, or as named.

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
/** Types counted by name for each reason: types come from the host, and their number and length are bounded like everything else here. */
export const maxTypes = 64;
export const maxNameChars = 64;
export const warningIntervalMs = 60_000;
/** Of one plugin, before it is switched off. */
export const maxThrows = 10;
/** A listener, or a before hook, may emit, and that may call it again, and so on. Units: calls. */
export const maxNesting = 8;
