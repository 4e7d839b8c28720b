// A stream is written to Node's response itself, past the headers that middleware has set on Hono's: CORS and cookies among them.
import type { Context } from "hono";
import { addCookies, type CookieHolder } from "../sse/cookies.ts";

interface Outgoing extends CookieHolder {
  setHeader(name: string, value: string | string[]): unknown;
}

/** Hands the headers set so far to Node's response. */
export function keepHeaders(c: Context, outgoing: Outgoing): void {
  for (const [name, value] of c.res.headers) {
    if (name === "set-cookie") addCookies(outgoing, value);
    else if (name !== "content-type" && name !== "content-length") outgoing.setHeader(name, value);
  }
}
