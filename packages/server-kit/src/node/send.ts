// Writes a web Response to a Node response, and cuts off a client that keeps sending a body nobody reads.
import { once } from "node:events";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { isSentResponse } from "../sse/live-streams.ts";

/** How long a refused upload may go on, so that its sender gets to read the refusal. */
const lingerMs = 2_000;

/** Resolves when the response is handed to Node; a client that is gone is not an error. */
export async function sendResponse(response: Response, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (isSentResponse(response)) return;
  if (outgoing.destroyed || outgoing.headersSent) {
    await response.body?.cancel();
    return;
  }
  const headers = headersOf(response.headers);
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (isStream && response.body !== null) {
    outgoing.writeHead(response.status, headers);
    await pump(response.body, outgoing);
    return;
  }
  const body = response.body === null ? null : Buffer.from(await response.arrayBuffer());
  if (body !== null) headers["content-length"] = body.byteLength;
  outgoing.writeHead(response.status, headers);
  outgoing.end(incoming.method === "HEAD" || body === null ? undefined : body);
  if (!incoming.complete && incoming.method !== "GET" && incoming.method !== "HEAD") linger(incoming);
}

function headersOf(given: Headers): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of given) if (name !== "set-cookie") headers[name] = value;
  const cookies = given.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  return headers;
}

async function pump(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done || outgoing.destroyed) break;
    if (!outgoing.write(value)) await Promise.race([once(outgoing, "drain"), once(outgoing, "close")]);
  }
  outgoing.end();
}

// Closing at once would reset the connection, and the answer would be lost with it; reading for ever would feed an attacker.
function linger(incoming: IncomingMessage): void {
  const cutOff = setTimeout(() => {
    if (!incoming.complete) incoming.destroy();
  }, lingerMs);
  cutOff.unref();
  incoming.once("close", () => clearTimeout(cutOff));
  incoming.on("error", () => {});
  incoming.resume();
}
