// Stage: undoes the content coding within bounds and reads the envelope.
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import { parseEnvelope } from "@cuitty/wire-protocol/envelope";
import { batchTooLarge } from "./body.ts";
import { codingOf } from "./read-body.ts";
import { createSlots } from "./slots.ts";
import type { Stage, StageContext } from "./stage.ts";

export interface DecodeBodyOptions {
  /** Never above `LIMITS.batchBytes`; a function is asked per request. Units: bytes. @default LIMITS.batchBytes */
  readonly maxBytes?: number | ((context: StageContext) => number) | undefined;
  /** Never above `LIMITS.batchEvents`. @default LIMITS.batchEvents */
  readonly maxEvents?: number | undefined;
}

const inflate = promisify(gunzip);

/** As many as Node's threads unpack at the same time: what is unpacked faster than it is read would wait in memory, a thousand times as large as it came. */
const maxUnpacking = 4;

/** Fills `decodedBody` and `events`. **Errors**: `batch_too_large`, `invalid_request` (broken gzip), `invalid_utf8`, `invalid_json`, `invalid_envelope`, `too_many_events`; `overloaded` for more than there is room for. */
export function decodeBody(options: DecodeBodyOptions = {}): Stage {
  const { maxBytes = LIMITS.batchBytes, maxEvents = LIMITS.batchEvents } = options;
  const eventLimit = Math.min(maxEvents, LIMITS.batchEvents);
  const unpacking = createSlots(maxUnpacking);
  return (context) => {
    const { wireBody } = context;
    if (wireBody === null) throw new CuittyError("internal", "decodeBody must come after readBody");
    if (codingOf(context.exchange.header("content-encoding")) === "identity") return fill(context, wireBody, eventLimit);
    const limit = Math.min(LIMITS.batchBytes, typeof maxBytes === "number" ? maxBytes : maxBytes(context));
    return unpacking(async () => {
      const body = await unpack(wireBody, limit);
      // What it is now stays until the batch is written.
      context.claim?.(body.byteLength);
      return fill(context, body, eventLimit);
    });
  };
}

function fill(context: StageContext, body: Uint8Array, maxEvents: number): undefined {
  context.decodedBody = body;
  context.events = parseEnvelope(body, maxEvents);
}

async function unpack(body: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await inflate(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw batchTooLarge(maxBytes);
    throw new CuittyError("invalid_request", "Expected the body to be one complete gzip stream, as Content-Encoding says", {
      cause: error,
    });
  }
}
