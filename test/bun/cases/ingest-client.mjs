// Talks to a kit as a client without our SDK does: signed batches, reads, live streams.
import { createHmac, randomUUID } from "node:crypto";

export const auditEvent = (resource) => ({
  type: "audit",
  ts: new Date().toISOString(),
  data: { actor: "alice", action: "test", resource },
});
export const logEvent = (message) => ({ type: "log", ts: new Date().toISOString(), data: { level: "info", message } });
export const batchOf = (...events) => new TextEncoder().encode(JSON.stringify({ events }));

export function createIngestClient(url, { apiKey, webhookSecret }) {
  const authorization = `Bearer ${apiKey}`;
  return {
    /** Sends bytes as they are; `signed` are those that the signature is over. */
    async send(body, { key = randomUUID(), signed = body, headers = {} } = {}) {
      const response = await fetch(`${url}/api/ingest`, {
        method: "POST",
        body,
        duplex: "half",
        headers: {
          authorization,
          "content-type": "application/json",
          "x-cuitty-idempotency-key": key,
          "x-cuitty-signature": createHmac("sha256", webhookSecret).update(signed).digest("hex"),
          ...headers,
        },
      });
      return { status: response.status, text: await response.text() };
    },
    async read(path) {
      const response = await fetch(url + path, { headers: { authorization } });
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    },
    /** Opens a live stream; `text()` is what has come so far, `ended()` how it ended. */
    async stream(path, lastEventId) {
      const aborter = new AbortController();
      const headers = { authorization, ...(lastEventId && { "last-event-id": lastEventId }) };
      const response = await fetch(url + path, { headers, signal: aborter.signal });
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      let text = "";
      let end;
      void (async () => {
        try {
          const decoder = new TextDecoder();
          for await (const piece of response.body) text += decoder.decode(piece, { stream: true });
          end = "ended";
        } catch (error) {
          end = String(error);
        }
      })();
      return { text: () => text, ended: () => end, stop: () => aborter.abort() };
    },
  };
}
