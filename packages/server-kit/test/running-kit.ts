// A kit in a temporary folder, served over real HTTP on a random loopback port, for tests.
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServerKit, type KitOptions, type ServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { signBody } from "@cuitty/wire-protocol/signature";
import { createAdaptorServer } from "@hono/node-server";

export interface RunningKit {
  readonly kit: ServerKit;
  readonly url: string;
  readonly dataDir: string;
  readonly projectId: string;
  readonly apiKey: string;
  readonly webhookSecret: string;
  readonly faults: unknown[];
  close(): Promise<void>;
}

/** Starts a kit with audit and logs; `options` win over that. */
export async function startKit(
  options: Partial<KitOptions> & { readonly signaturePolicy?: "required" | "optional" | "extended" } = {},
): Promise<RunningKit> {
  const { signaturePolicy, ...kitOptions } = options;
  const dataDir = kitOptions.dataDir ?? (await mkdtemp(join(tmpdir(), "cuitty-kit-")));
  const faults: unknown[] = [];
  const kit = (await createServerKit({
    modules: [audit(), logs()],
    minFreeBytes: 0,
    environment: {},
    onFault: (fault) => faults.push(fault),
    ...kitOptions,
    dataDir,
  })) as ServerKit;
  const first = kit.identity.isBootstrapped
    ? undefined
    : await kit.bootstrap({ email: "ops@example.com", organization: "Acme", signaturePolicy });
  const server = createAdaptorServer({
    fetch: (request, environment) => kit.fetch(request, environment as never),
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    kit,
    url: `http://127.0.0.1:${port}`,
    dataDir,
    projectId: first?.projectId ?? "",
    apiKey: first?.apiKey ?? "",
    webhookSecret: first?.webhookSecret ?? "",
    faults,
    async close() {
      await kit.close();
      await new Promise((resolve) => {
        server.close(resolve);
        (server as { closeAllConnections?: () => void }).closeAllConnections?.();
      });
      if (kitOptions.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export const auditEvent = (actor = "alice@example.com"): Record<string, unknown> => ({
  type: "audit",
  ts: "2026-04-27T12:34:56Z",
  data: { actor, action: "secret.rotate", resource: "stripe.live_key" },
});

export interface SendOptions {
  readonly key?: string;
  readonly secret?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a body as a client does, signed unless `secret` is null. */
export async function send(running: RunningKit, body: string | Uint8Array<ArrayBuffer>, options: SendOptions = {}): Promise<Response> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const { key = running.apiKey, secret = running.webhookSecret, headers = {} } = options;
  return fetch(`${running.url}/api/ingest`, {
    method: "POST",
    body: bytes,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(secret === null ? undefined : { "x-cuitty-signature": signBody(bytes, secret) }),
      ...headers,
    },
  });
}

/** Sends events. */
export function sendEvents(running: RunningKit, events: readonly unknown[], options?: SendOptions): Promise<Response> {
  return send(running, JSON.stringify({ events }), options);
}
