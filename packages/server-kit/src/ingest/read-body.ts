// Stage: takes the exact bytes off the wire, counted while they arrive.
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import type { Stage, StageContext } from "./stage.ts";

export interface ReadBodyOptions {
  /** Never above `LIMITS.batchBytes`; a function is asked per request. Units: bytes. @default LIMITS.batchBytes */
  readonly maxBytes?: number | ((context: StageContext) => number) | undefined;
  /** Longest wait for the next piece. @default 10_000 */
  readonly idleTimeoutMs?: number | undefined;
  /** Longest time for the whole body. @default 30_000 */
  readonly totalTimeoutMs?: number | undefined;
}

const jsonType = /^application\/json\s*(;|$)/i;

/** Fills `wireBody`. **Errors**: `invalid_request`, `unsupported_media_type`, `unsupported_content_encoding`, `batch_too_large`, `request_timeout`, `body_already_consumed`. */
export function readBody(options: ReadBodyOptions = {}): Stage {
  const { maxBytes = LIMITS.batchBytes, idleTimeoutMs = 10_000, totalTimeoutMs = 30_000 } = options;
  return async (context) => {
    checkTransferCoding(context.exchange.header("transfer-encoding"));
    checkMediaType(context.exchange.header("content-type"));
    codingOf(context.exchange.header("content-encoding"));
    const limit = Math.min(LIMITS.batchBytes, typeof maxBytes === "number" ? maxBytes : maxBytes(context));
    try {
      const onBytes = context.claim ?? undefined;
      context.wireBody = await context.exchange.body.read({ maxBytes: limit, idleTimeoutMs, totalTimeoutMs, ...(onBytes && { onBytes }) });
    } catch (error) {
      endConnection(context);
      throw error;
    }
  };
}

/** What is left of a body that was not read to its end would be taken for the next request. HTTP/2 has streams for that, and no such header. */
function endConnection({ exchange, replyHeaders }: StageContext): void {
  const incoming = exchange.node?.incoming;
  if (incoming?.httpVersionMajor === 1 && !incoming.complete) replyHeaders.set("connection", "close");
}

/** The one content coding of a body. A list of codings is refused: nested compression is how small requests become large ones. */
export function codingOf(header: string | null): "identity" | "gzip" {
  const coding = (header ?? "identity").trim().toLowerCase();
  if (coding === "gzip" || coding === "x-gzip") return "gzip";
  if (coding === "identity" || coding === "") return "identity";
  throw new CuittyError("unsupported_content_encoding", "Expected Content-Encoding gzip or none", {
    details: { headers: { "accept-encoding": "gzip" } },
  });
}

/** Node undoes `chunked` and no other coding: what is left of another would be taken for the body. Source: RFC 9112 section 6.1. */
function checkTransferCoding(header: string | null): void {
  if (header === null || header.trim().toLowerCase() === "chunked") return;
  throw new CuittyError("invalid_request", "Expected Transfer-Encoding chunked or none; compress with Content-Encoding: gzip");
}

function checkMediaType(header: string | null): void {
  // A tab inside the type has fooled parsers before: only the plain name, parameters after it.
  if (header !== null && jsonType.test(header)) return;
  throw new CuittyError("unsupported_media_type", "Expected Content-Type: application/json");
}
