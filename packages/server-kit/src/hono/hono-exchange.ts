// Makes an exchange of a Hono context: its raw request, Node's own pair where there is one, and the body even after somebody has read it.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "hono";
import { batchTooLarge, bodyConsumed } from "../ingest/body.ts";
import type { BodySource, Exchange } from "../ingest/exchange.ts";
import { fetchExchange } from "../ingest/fetch-exchange.ts";

interface NodeBindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
}

/** @param basePath the part of the path that belongs to the app, taken off. */
export function honoExchange(c: Context, basePath = ""): Exchange {
  const { incoming, outgoing } = (c.env ?? {}) as NodeBindings;
  const exchange = fetchExchange(c.req.raw, { incoming, outgoing, basePath });
  // Read already, or handed on by another middleware: Hono keeps what its own methods have read.
  return c.req.raw.bodyUsed ? { ...exchange, request: c.req.raw, signal: c.req.raw.signal, body: keptBody(c) } : exchange;
}

/**
 * Hono's cache holds exact bytes after `arrayBuffer()` or `blob()`, and text after `json()` or `text()`. Text gives the bytes back only where that is
 * certain: decoding eats a byte order mark, which the declared length tells, and replaces what is not UTF-8. Without a length, or with a replacement
 * character, there is an error and never a body that only looks like the one sent.
 */
function keptBody(c: Context): BodySource {
  return {
    async read({ maxBytes }) {
      const bytes = await cachedBytes(c);
      const declared = c.req.raw.headers.get("content-length");
      if (bytes === null || (declared !== null && Number(declared) !== bytes.byteLength)) throw bodyConsumed();
      if (bytes.byteLength > maxBytes) throw batchTooLarge(maxBytes);
      return bytes;
    },
  };
}

async function cachedBytes(c: Context): Promise<Uint8Array | null> {
  const { arrayBuffer, blob, text } = c.req.bodyCache as {
    arrayBuffer?: Promise<ArrayBuffer>;
    blob?: Promise<Blob>;
    text?: Promise<string>;
  };
  if (arrayBuffer !== undefined) return new Uint8Array(await arrayBuffer);
  if (blob !== undefined) return new Uint8Array(await (await blob).arrayBuffer());
  const decoded = await text;
  const isExact = decoded !== undefined && !decoded.includes("\ufffd") && c.req.raw.headers.has("content-length");
  return isExact ? new TextEncoder().encode(decoded) : null;
}
