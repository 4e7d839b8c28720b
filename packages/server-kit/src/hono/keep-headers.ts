// A stream is written to Node's response itself, past the headers that middleware has set on Hono's: CORS among them.
import type { Context } from "hono";

/** Hands the headers set so far to Node's response. */
export function keepHeaders(c: Context, outgoing: { setHeader(name: string, value: string): unknown }): void {
  for (const [name, value] of c.res.headers) if (name !== "content-type" && name !== "content-length") outgoing.setHeader(name, value);
}
