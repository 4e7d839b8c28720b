// A stored event as the reads show it: the documented fields, and under `meta` what the sender added to them.
import type { SqlRow } from "@cuitty/storage/module-file";
import { type Static, Type } from "@sinclair/typebox";

/** An event as list and single reads return it. */
export const storedEventSchema = Type.Object(
  {
    id: Type.String({ description: "UUIDv7." }),
    seq: Type.Integer({ description: "Position in the live stream." }),
    type: Type.String(),
    ts: Type.String({ description: "When it happened: RFC 3339, UTC." }),
    receivedAt: Type.String({ description: "When the server got it: RFC 3339, UTC." }),
    isSkewed: Type.Boolean({ description: "`ts` was far from the server's clock on receipt." }),
    isDamaged: Type.Optional(
      Type.Boolean({
        description: "What is stored is not what this server wrote: `data` has what of it can be read. Absent for whole events.",
      }),
    ),
    data: Type.Unsafe<Record<string, unknown>>(
      Type.Object({}, { additionalProperties: true, description: "Documented fields; unknown ones under `meta`." }),
    ),
  },
  { title: "StoredEvent" },
);

export type StoredEvent = Static<typeof storedEventSchema>;

/** Columns for `rowToEvent`, in its order. */
export const STORED_EVENT_COLUMNS = "id, seq, ts, received_at, is_skewed, data, meta, ts_ms";

/** A row of `STORED_EVENT_COLUMNS` as an event. A row that somebody has changed in the file is still one, told apart by `isDamaged`. */
export function rowToEvent(row: SqlRow, type: string): StoredEvent {
  const [id, seq, ts, receivedAt, isSkewed, data, meta] = row;
  const received = new Date(Number(receivedAt));
  const isReceiptKnown = !Number.isNaN(received.getTime());
  const fields = jsonToObject(data);
  const unknown = meta === null ? null : jsonToObject(meta);
  const isReadable = fields !== null && (meta === null || unknown !== null);
  const isDamaged = !isReadable || !isReceiptKnown || (isSkewed !== 0 && isSkewed !== 1);
  return {
    id: String(id),
    seq: Number(seq),
    type,
    ts: String(ts),
    receivedAt: (isReceiptKnown ? received : new Date(0)).toISOString(),
    isSkewed: isSkewed === 1,
    ...(isDamaged ? { isDamaged } : undefined),
    data: unknown === null ? (fields ?? {}) : { ...fields, meta: unknown },
  };
}

function jsonToObject(text: unknown): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    // reason: changed in the file, which `isDamaged` tells
    return null;
  }
}

/** `data` with `meta` as its last member; both are JSON objects that this kit wrote. An empty `meta`, which it never writes, is left out. */
export function dataWithMeta(dataJson: string, metaJson: string | null): string {
  if (metaJson === null || metaJson === "") return dataJson;
  return dataJson === "{}" ? `{"meta":${metaJson}}` : `${dataJson.slice(0, -1)},"meta":${metaJson}}`;
}
