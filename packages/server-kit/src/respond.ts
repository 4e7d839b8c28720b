// Turns outcomes into HTTP answers; the only place that knows statuses and common headers.
import { CuittyError, isCuittyError, PROBLEM_CONTENT_TYPE, type ProblemFieldError, problemOf } from "@cuitty/wire-protocol";
import type { StageContext } from "./ingest/stage.ts";

type Head = Pick<StageContext, "requestId" | "replyHeaders">;

/** Storage's failures as the wire names them; what is retryable there is 503 here. */
const wireCodes: Readonly<Record<string, string>> = {
  busy: "storage_unavailable",
  io: "storage_unavailable",
  readonly: "storage_unavailable",
  closed: "shutting_down",
  full: "disk_full",
};

/** Seconds a client is asked to wait when the error itself says nothing. */
const retryAfterSeconds: Readonly<Record<string, number>> = { storage_unavailable: 1, disk_full: 10, overloaded: 1, shutting_down: 2 };

/** A JSON body that is text already. */
export function jsonReply(context: Head, body: string, status = 200): Response {
  return new Response(body, { status, headers: headersOf(context, "application/json") });
}

/** An answer without a body. */
export function emptyReply(context: Head, status = 204): Response {
  return new Response(null, { status, headers: headersOf(context, null) });
}

/**
 * Problem for whatever a stage or handler threw (RFC 9457). `Retry-After` comes from `details.retryAfterSeconds` of the error, or from its code.
 * A `details.errors` list of `{path, reason}` becomes `errors`; `details.extensions` further members.
 */
export function problemReply(context: Head, error: unknown): Response {
  const known = toWireError(error);
  const details = (isCuittyError(known) ? known.details : undefined) ?? {};
  const problem = problemOf(known, {
    requestId: context.requestId,
    errors: details.errors as readonly ProblemFieldError[] | undefined,
    extensions: details.extensions as Readonly<Record<string, unknown>> | undefined,
  });
  const headers = headersOf(context, PROBLEM_CONTENT_TYPE);
  // The one fault that its reader can mend: it says how to mount.
  const body = isCuittyError(known, "body_already_consumed") ? { ...problem, detail: known.message } : problem;
  for (const [name, value] of Object.entries((details.headers ?? {}) as Record<string, string>)) headers[name] = value;
  const waitSeconds = (details.retryAfterSeconds as number | undefined) ?? retryAfterSeconds[problem.code];
  if (waitSeconds !== undefined) headers["retry-after"] = String(Math.max(0, Math.ceil(waitSeconds)));
  if (problem.status === 401) headers["www-authenticate"] = 'Bearer realm="cuitty"';
  return new Response(JSON.stringify(body), { status: problem.status, headers });
}

/** Whether an error is a fault of ours that belongs into the log. */
export function isFault(error: unknown): boolean {
  return problemOf(toWireError(error)).status === 500;
}

function toWireError(error: unknown): unknown {
  if (!isCuittyError(error)) return error;
  const code = wireCodes[error.code];
  if (code === undefined) return error;
  return new CuittyError(code, "What is stored cannot be reached now; send the same request again", {
    retryable: true,
    details: error.details,
    cause: error,
  });
}

function headersOf(context: Head, contentType: string | null): Record<string, string> {
  const headers: Record<string, string> = { "x-request-id": context.requestId, "x-content-type-options": "nosniff" };
  if (contentType !== null) headers["content-type"] = contentType;
  for (const [name, value] of context.replyHeaders) headers[name] = value;
  return headers;
}
