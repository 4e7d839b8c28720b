// W3C trace context: reads what the client sent, or starts a trace. Source: www.w3.org/TR/trace-context, section 3.
import type { RandomBytes } from "./clock.ts";
import type { TraceContext } from "./ingest/stage.ts";

const parentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const allZero = /^0+$/;
const maxStateCharacters = 512;

/** An invalid `traceparent` is ignored and a new trace begins; it is never a reason to refuse a request. */
export function parseTrace(header: (name: string) => string | null, random: RandomBytes): TraceContext {
  const spanId = hex(random(8));
  const match = parentPattern.exec(header("traceparent") ?? "");
  if (match === null || !isValidParent(match))
    return { traceId: hex(random(16)), parentId: null, spanId, isSampled: false, traceState: null };
  const [, , traceId = "", parentId = "", flags = "00"] = match;
  const state = header("tracestate");
  return {
    traceId,
    parentId,
    spanId,
    isSampled: (Number.parseInt(flags, 16) & 1) === 1,
    traceState: state !== null && state.length <= maxStateCharacters ? state : null,
  };
}

function isValidParent(match: RegExpExecArray): boolean {
  const [, version = "", traceId = "", parentId = "", , rest] = match;
  if (version === "ff" || allZero.test(traceId) || allZero.test(parentId)) return false;
  // Version 00 has exactly four fields; later ones may append more.
  return version !== "00" || rest === undefined;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
