// The command the demo prints: one event, signed with openssl, ready to paste.
import type { Credentials } from "./credentials.ts";

/** A shell command that sends one signed audit event; works in sh, bash and zsh. */
export function curlExample(url: string, { apiKey, webhookSecret }: Credentials): string {
  const event = {
    type: "audit",
    ts: "2026-04-27T12:34:56Z",
    data: { actor: "alice@example.com", action: "secret.rotate", resource: "stripe.live_key" },
  };
  return `BODY='${JSON.stringify({ events: [event] })}'
SIG=$(printf '%s' "$BODY" | openssl dgst -sha256 -hmac "${webhookSecret}" -hex | awk '{print $NF}')
curl -sS -X POST ${url}/api/ingest \\
  -H "Authorization: Bearer ${apiKey}" \\
  -H "X-Cuitty-Signature: $SIG" \\
  -H "Content-Type: application/json" \\
  -d "$BODY"`;
}
