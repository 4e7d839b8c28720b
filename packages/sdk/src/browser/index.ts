// `@cuitty/sdk` in browsers, workers and edge runtimes.
import { type CuittyClient, createClient } from "../client.ts";
import type { CuittyOptions } from "../options.ts";
import { browserRuntime } from "./runtime.ts";

export type { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
export type { CuittyClient, FlushResult } from "../client.ts";
export type { HonoContext, HonoMiddleware, HonoRequest } from "../hono-context.ts";
export type { CuittyOptions as CuittyConfig, CuittyOptions } from "../options.ts";
export type { CuittyPlugin, EmittedEvent, PluginContext, RequestRecord } from "../plugin.ts";
export type { RequestRecorder } from "../request-recorder.ts";
export type { DirectorySpoolOptions, SpoolAdapter, SpooledBatch, SpoolLossListener, SpoolOption } from "../spool.ts";
export type { BreakerDetail, ClientEvents, ClientStats, DropDetail, DropReason, RetryDetail, SentDetail } from "../stats.ts";

/**
 * Makes a client. Errors: one `invalid_option` naming the option; after that nothing it does throws or rejects.
 *
 * ```ts
 * const cuitty = createCuittyClient({ portalUrl: "https://app.example.com", projectId, apiKey }).start();
 * cuitty.emit({ type: "audit", data: { actor: "alice@example.com", action: "secret.rotate", resource: "stripe.live_key" } });
 * ```
 */
export function createCuittyClient(options: CuittyOptions): CuittyClient {
  return createClient(options, browserRuntime);
}
