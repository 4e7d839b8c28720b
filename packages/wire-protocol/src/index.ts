// Public surface of the contract: types and plain constants. Runtime schemas are subpaths, so that a browser bundle never pulls in TypeBox.
export { CuittyError, type CuittyErrorOptions, isCuittyError } from "./cuitty-error.ts";
export { type CuittyEvent, EVENT_TYPES, type EventData, type EventType } from "./event.ts";
export { HEADER, IDEMPOTENCY_KEY_HEADERS } from "./headers.ts";
export { LIMITS } from "./limits.ts";
