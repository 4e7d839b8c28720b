// What the documentation shows must work as it stands: curl, openssl, Python.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningKit, startKit } from "./running-kit.ts";

const run = promisify(execFile);
const accepted = '{"accepted":1,"rejected":[]}';

let running: RunningKit;
beforeAll(async () => {
  running = await startKit();
});
afterAll(() => running.close());

async function shell(script: string): Promise<string> {
  const env = { ...process.env, CUITTY_API_KEY: running.apiKey, CUITTY_WEBHOOK_SECRET: running.webhookSecret };
  const { stdout } = await run("bash", ["-c", script], { env });
  return stdout;
}

describe("documented clients", () => {
  test("the unsigned curl of the quickstart is accepted by a bootstrapped project", async () => {
    const reply = await shell(`curl -s -X POST ${running.url}/api/ingest \\
      -H "Authorization: Bearer $CUITTY_API_KEY" \\
      -H "Content-Type: application/json" \\
      -d '{ "events": [ { "type": "audit", "ts": "2026-04-27T12:00:00Z", "data": { "actor": "you@example.com", "action": "quickstart.complete", "resource": "cuitty" } } ] }'`);
    expect(reply).toBe(accepted);
  });

  test("the curl signed by openssl is accepted", async () => {
    const reply =
      await shell(`BODY='{ "events": [{ "type": "audit", "ts": "2026-04-27T12:34:56Z", "data": { "actor": "alice@example.com", "action": "secret.rotate", "resource": "stripe.live_key" } }] }'
      SIG=$(printf '%s' "$BODY" | openssl dgst -sha256 -hmac "$CUITTY_WEBHOOK_SECRET" -hex | awk '{print $2}')
      curl -s -X POST ${running.url}/api/ingest -H "Authorization: Bearer $CUITTY_API_KEY" -H "X-Cuitty-Signature: $SIG" -H "Content-Type: application/json" -d "$BODY"`);
    expect(reply).toBe(accepted);
  });

  test("the Python snippet is accepted", async () => {
    const script = `import hmac, hashlib, json, os, time
import urllib.request
body = json.dumps({ "events": [{ "type": "audit", "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "data": {"actor": "alice@example.com", "action": "secret.rotate", "resource": "stripe.live_key"}, }], }).encode()
sig = hmac.new(os.environ["CUITTY_WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
req = urllib.request.Request("${running.url}/api/ingest", data=body, headers={ "Authorization": f"Bearer {os.environ['CUITTY_API_KEY']}", "Content-Type": "application/json", "X-Cuitty-Signature": sig, }, )
print(urllib.request.urlopen(req).read())`;
    expect(await shell(`python3 - <<'SNIPPET'\n${script}\nSNIPPET`)).toBe(`b'${accepted}'\n`);
  });

  test("the health check is public and says ok", async () => {
    expect(await shell(`curl -s ${running.url}/api/health`)).toBe('{"status":"ok"}');
  });
});
