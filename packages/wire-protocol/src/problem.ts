// Errors over HTTP as RFC 9457 problem details, with the code as the stable part.
import { CuittyError, isCuittyError } from "./cuitty-error.ts";
import { ERROR_CODES, type ErrorCode, isErrorCode } from "./error-codes.ts";

/** Media type of a problem body. Source: RFC 9457. */
export const PROBLEM_CONTENT_TYPE = "application/problem+json";

const typePrefix = "https://cuitty.com/problems/";

/** One field of a request that is wrong. */
export interface ProblemFieldError {
  /** `data.actor`, `query.limit`. */
  readonly path: string;
  readonly reason: string;
}

/** Body of every answer that is not a success. Unknown members are to be ignored (RFC 9457 section 3.2). */
export interface Problem {
  /** A URI that stands for the code; it need not lead anywhere. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened this time and what to do about it. Fixed text for `internal`: what went wrong inside stays inside. */
  readonly detail: string;
  readonly code: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Id of the request, as in `X-Request-Id`. */
  readonly instance?: string;
  readonly errors?: readonly ProblemFieldError[];
  readonly [extension: string]: unknown;
}

export interface ProblemOptions {
  /** Becomes `instance`. */
  readonly requestId?: string | undefined;
  readonly errors?: readonly ProblemFieldError[] | undefined;
  /** Further members, such as `violated-policies`; the standard ones cannot be replaced. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** Stable URI of a code: `signature_mismatch` → `https://cuitty.com/problems/signature-mismatch`. */
export function problemTypeOf(code: string): string {
  return typePrefix + code.replaceAll("_", "-");
}

/**
 * Problem for an error. A `CuittyError` whose code is in the table keeps its code; its message becomes `detail`, unless the code is `internal`.
 * Anything else is an unexpected failure and becomes `internal` without a word of it.
 */
export function problemOf(error: unknown, options: ProblemOptions = {}): Problem {
  const code: ErrorCode = isCuittyError(error) && isErrorCode(error.code) ? error.code : "internal";
  const { status, title } = ERROR_CODES[code];
  const isExpected = isCuittyError(error) && code !== "internal";
  const { requestId, errors, extensions } = options;
  return {
    ...extensions,
    type: problemTypeOf(code),
    title,
    status,
    detail: isExpected ? error.message : `${title}.`,
    code,
    retryable: isExpected ? error.retryable || status === 429 || status === 503 || status === 408 : status >= 500,
    ...(requestId === undefined ? undefined : { instance: requestId }),
    ...(errors === undefined || errors.length === 0 ? undefined : { errors }),
  };
}

/** The error a problem body stands for, for clients; tolerant of bodies that are not ours. */
export function errorOfProblem(body: unknown, status: number): CuittyError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
  const code = typeof problem.code === "string" ? problem.code : `http_${status}`;
  const detail = typeof problem.detail === "string" ? problem.detail : `The server answered with status ${status}`;
  const retryable = typeof problem.retryable === "boolean" ? problem.retryable : status === 408 || status === 429 || status >= 500;
  return new CuittyError(code, detail, { retryable, details: { status } });
}
