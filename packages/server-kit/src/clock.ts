// Time and randomness as ports, so that windows, expiries and ids can be tested without waiting.

/** Milliseconds since the Unix epoch. */
export type Clock = () => number;

/** `size` bytes from a cryptographic source. */
export type RandomBytes = (size: number) => Uint8Array;

/** The wall clock. */
export const systemClock: Clock = () => Date.now();

/** Bytes of the platform's cryptographic generator. */
export const systemRandom: RandomBytes = (size) => globalThis.crypto.getRandomValues(new Uint8Array(size));
