// Body and reply of `POST /api/ingest`: their schemas, and the reader of the envelope around the events.
import { type Static, Type } from "@sinclair/typebox";
import { CuittyError } from "./cuitty-error.ts";
import type { CuittyEvent } from "./event.ts";
import { LIMITS } from "./limits.ts";

/** Body of a request, as a client builds it. */
export interface IngestEnvelope {
  readonly events: readonly CuittyEvent[];
}

/** The envelope alone; each event is checked by itself, so that a bad one does not fail its neighbours. */
export const envelopeSchema = Type.Object(
  { events: Type.Array(Type.Unknown(), { maxItems: LIMITS.batchEvents, description: "Events, in the order in which they happened." }) },
  { title: "IngestEnvelope", description: "A batch of events." },
);

/** One refused event of a reply. */
export const rejectedEventSchema = Type.Object(
  {
    index: Type.Integer({ minimum: 0, description: "Position in `events`, from 0." }),
    reason: Type.String({ description: "`path: what was expected`, such as `data.actor: required`." }),
    code: Type.Optional(
      Type.String({
        description: "invalid, required, unknown_type, type_not_enabled, event_too_large or event_too_deep; others may be added.",
      }),
    ),
  },
  { title: "RejectedEvent", description: "An event that was not stored. Sending it again unchanged will not help." },
);

/** Body of the 200 reply. */
export const replySchema = Type.Object(
  {
    accepted: Type.Integer({ minimum: 0, description: "Events stored by this request." }),
    rejected: Type.Array(rejectedEventSchema, { description: "Events not stored, by index." }),
    duplicate: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: "Events whose `id` was known already; not counted in `accepted`. Absent when there are none.",
      }),
    ),
  },
  { title: "IngestReply", description: "What became of each event. Everything accepted is on disk." },
);

/** Reply with status 200. */
export type IngestReply = Static<typeof replySchema>;
/** One refused event of a reply. */
export type RejectedReplyEvent = Static<typeof rejectedEventSchema>;

/**
 * Reads an envelope from the bytes of a body after decompression: strict UTF-8 (a leading byte order mark is skipped), JSON, `events`, their number.
 * Members of the envelope other than `events` are ignored.
 * **Errors**: `invalid_utf8`, `invalid_json`, `invalid_envelope`, `too_many_events`, `batch_too_large` for more objects and lists than 10,000 events
 * have; none of them repeats the input.
 */
export function parseEnvelope(body: Uint8Array, maxEvents: number = LIMITS.batchEvents): readonly unknown[] {
  // Smaller ones have no room for so many.
  if (body.length >= 2 * maxContainers) checkContainers(body);
  const value = parseJson(decodeUtf8(body));
  const events =
    typeof value === "object" && value !== null && Object.hasOwn(value, "events") ? (value as { events: unknown }).events : undefined;
  if (!Array.isArray(events)) throw new CuittyError("invalid_envelope", 'Expected a JSON object with a list under "events"');
  if (events.length > maxEvents) {
    throw new CuittyError("too_many_events", `Expected at most ${maxEvents} events in a batch, got ${events.length}; split it`, {
      details: { limit: maxEvents, got: events.length },
    });
  }
  return events;
}

/** 25 an event: each takes two bytes of a body, which a compressor makes a few bits of, but the engine 400 ns and more to make. */
const maxContainers = 25 * LIMITS.batchEvents;
const quote = 0x22;
const backslash = 0x5c;
const bracket = 0x5b;
const brace = 0x7b;

/** Brackets within texts do not count. What is no envelope in any case is told as that. */
function checkContainers(body: Uint8Array): void {
  let count = 0;
  let depth = 0;
  let isText = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (isText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === bracket || byte === brace) {
      count += 1;
      depth += 1;
    } else if (byte === bracket + 2 || byte === brace + 2) depth -= 1;
  }
  if (count <= maxContainers) return;
  if (depth !== 0) throw invalidJson();
  const message = `Expected at most ${maxContainers} objects and lists in a batch; split it`;
  throw new CuittyError("batch_too_large", message, { details: { limit: maxContainers } });
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new CuittyError("invalid_utf8", "Expected the body to be UTF-8");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's message quotes the payload, so it goes no further.
    throw invalidJson();
  }
}

const invalidJson = (): CuittyError => new CuittyError("invalid_json", "Expected the body to be JSON");
