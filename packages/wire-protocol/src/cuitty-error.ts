// The one error class of the kit: a code to switch on, a sentence that says what to do, and whether trying again can help.

const brand = Symbol.for("cuitty.error");

export interface CuittyErrorOptions {
  /** Whether the same call may succeed later without a change by the caller. @default false */
  readonly retryable?: boolean | undefined;
  /** JSON-safe facts for programs: limits, names, positions. Never a key, secret or payload. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** An error with a stable `code` (snake_case). Codes are API: adding one is minor, renaming one is major. */
export class CuittyError<Code extends string = string> extends Error {
  override readonly name = "CuittyError";
  // Declared alone, as the constructor makes them: a page loads these bytes.
  declare readonly code: Code;
  declare readonly retryable: boolean;
  declare readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: Code, message: string, options: CuittyErrorOptions = {}) {
    // Error reads nothing but the cause.
    super(message, options.cause === undefined ? {} : options);
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for a CuittyError of any copy of this package (a brand, not `instanceof`: two copies in one tree are ordinary), with that code if one is given. */
export function isCuittyError<Code extends string = string>(error: unknown, code?: Code): error is CuittyError<Code> {
  if (typeof error !== "object" || error === null || (error as Record<symbol, unknown>)[brand] !== true) return false;
  return code === undefined || (error as { code?: unknown }).code === code;
}
