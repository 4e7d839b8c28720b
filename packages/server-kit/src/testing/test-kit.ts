// A kit in a temporary folder that is asked directly, without a network, for tests of modules and of apps.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signBody } from "@cuitty/wire-protocol/signature";
import type { Bootstrapped } from "../auth/bootstrap.ts";
import { createServerKit } from "../create-server-kit.ts";
import type { ServerKit } from "../kit.ts";
import type { CuittyModule } from "../module.ts";
import type { KitOptions } from "../options.ts";

export interface TestKitOptions extends Partial<KitOptions> {
  readonly modules: readonly CuittyModule[];
}

export interface IngestAnswer {
  readonly status: number;
  readonly text: string;
  readonly accepted: number;
  readonly rejected: readonly { readonly index: number; readonly reason: string; readonly code?: string }[];
  readonly duplicate: number;
}

/** A kit on a folder of its own, with its first administrator and a clock that tests move. */
export interface TestKit {
  readonly kit: ServerKit;
  readonly dataDir: string;
  readonly credentials: Bootstrapped;
  /** Sends events, signed. */
  ingest(events: readonly unknown[], key?: string): Promise<IngestAnswer>;
  /** Reads a path of the kit. */
  get(path: string): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Moves the kit's clock. */
  advance(ms: number): void;
  /** Closes the kit and opens another on the same folder. */
  reopen(): Promise<void>;
  /** Closes the kit and removes the folder. */
  close(): Promise<void>;
}

/** Limits are raised and background work waits for `kit.runTask`. */
export async function testKit(options: TestKitOptions): Promise<TestKit> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "cuitty-test-kit-")));
  let offsetMs = 0;
  const open = async (): Promise<ServerKit> =>
    (await createServerKit({
      minFreeBytes: 0,
      runJobs: false,
      limits: { eventsPerSecond: 1e9, batchesPerSecond: 1e9 },
      environment: {},
      clock: () => Date.now() + offsetMs,
      ...options,
      dataDir,
    })) as ServerKit;
  let kit = await open();
  const credentials = await kit.bootstrap({ email: "test@example.com", organization: "Test", signaturePolicy: "required" });

  async function request(path: string, init: RequestInit): Promise<Response> {
    const headers = { authorization: `Bearer ${credentials.apiKey}`, ...(init.headers as Record<string, string>) };
    return kit.fetch(new Request(`http://kit.test${path}`, { ...init, headers }));
  }

  return {
    get kit() {
      return kit;
    },
    dataDir,
    credentials,
    async ingest(events, key) {
      const body = new TextEncoder().encode(JSON.stringify({ events }));
      const response = await request("/api/ingest", {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "x-cuitty-signature": signBody(body, credentials.webhookSecret),
          ...(key === undefined ? undefined : { "x-cuitty-idempotency-key": key }),
        },
      });
      const text = await response.text();
      const { accepted = 0, rejected = [], duplicate = 0 } = JSON.parse(text) as Partial<IngestAnswer>;
      return { status: response.status, text, accepted, rejected, duplicate };
    },
    async get(path) {
      const response = await request(path, { method: "GET" });
      return { status: response.status, body: await response.json() };
    },
    advance(ms) {
      offsetMs += ms;
    },
    async reopen() {
      await kit.close();
      kit = await open();
    },
    async close() {
      await kit.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
