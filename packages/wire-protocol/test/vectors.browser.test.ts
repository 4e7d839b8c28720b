// The golden vectors inside a real browser, where signatures and buckets come from JavaScript alone.

import { checkEvent } from "@cuitty/wire-protocol/check-event";
import { flagBucket } from "@cuitty/wire-protocol/flag-rule";
import { signBody, verifyBody } from "@cuitty/wire-protocol/signature";
import { parseTimestamp } from "@cuitty/wire-protocol/timestamp";
import { expect, test } from "vitest";
import flags from "../vectors/flags.json";
import invalid from "../vectors/invalid-events.json";
import signatures from "../vectors/signatures.json";
import timestamps from "../vectors/timestamps.json";
import valid from "../vectors/valid-events.json";

const bytesOfHex = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

test("signatures are the same bytes", () => {
  for (const { name, secret, bodyHex, signature } of signatures.accepted)
    expect(signBody(bytesOfHex(bodyHex), secret), name).toBe(signature);
  for (const { name, secret, bodyHex, header } of signatures.refused) {
    expect(verifyBody(bytesOfHex(bodyHex), { header, secrets: [{ id: "s", secret }] }).ok, name).toBe(false);
  }
});

test("flag buckets are the same numbers", () => {
  for (const { flagKey, userId, bucket } of flags.buckets) expect(flagBucket(flagKey, userId)).toBe(bucket);
});

test("timestamps and events are judged the same", () => {
  for (const { text, ts } of timestamps.accepted) expect(parseTimestamp(text)?.ts).toBe(ts);
  for (const text of timestamps.refused) expect(parseTimestamp(text), text).toBeNull();
  for (const { name, event } of valid.events) expect(checkEvent(event).ok, name).toBe(true);
  for (const { event, reason, code } of invalid.events) expect(checkEvent(event)).toEqual({ ok: false, reason, code });
});

test("events can be checked where code may not be made", () => {
  const options = { canCompile: false };
  for (const { event, reason, code } of invalid.events.slice(0, 40))
    expect(checkEvent(event, options)).toEqual({ ok: false, reason, code });
});
