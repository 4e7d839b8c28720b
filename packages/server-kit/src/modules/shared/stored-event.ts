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
    data: Type.Unsafe<Record<string, unknown>>(
      Type.Object({}, { additionalProperties: true, description: "Documented fields; unknown ones under `meta`." }),
    ),
  },
  { title: "StoredEvent" },
);

export type StoredEvent = Static<typeof storedEventSchema>;

/** Columns for `rowToEvent`, in its order. */
export const STORED_EVENT_COLUMNS = "id, seq, ts, received_at, is_skewed, data, meta, ts_ms";

/** A row of `STORED_EVENT_COLUMNS` as an event. */
export function rowToEvent(row: SqlRow, type: string): StoredEvent {
  const [id, seq, ts, receivedAt, isSkewed, data, meta] = row;
  return {
    id: String(id),
    seq: Number(seq),
    type,
    ts: String(ts),
    receivedAt: new Date(Number(receivedAt)).toISOString(),
    isSkewed: isSkewed === 1,
    data: JSON.parse(dataWithMeta(String(data), meta === null ? null : String(meta))) as Record<string, unknown>,
  };
}

/** `data` with `meta` as its last member; both are JSON objects that this kit wrote. */
export function dataWithMeta(dataJson: string, metaJson: string | null): string {
  if (metaJson === null) return dataJson;
  return dataJson === "{}" ? `{"meta":${metaJson}}` : `${dataJson.slice(0, -1)},"meta":${metaJson}}`;
}
