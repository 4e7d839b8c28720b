// A pino transport: runs a client of its own in pino's worker thread and sends every line it is given.
import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { type CuittyOptions, createCuittyClient } from "../node/index.ts";
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { createLineFeed, type LogStreamOptions, minLevelOf } from "./line-feed.ts";

/** JSON-safe options, since they travel to the worker: those of the client (without functions) and those of a log stream. */
export interface LogsTransportOptions extends Omit<CuittyOptions, "fetch" | "waitUntil">, LogStreamOptions {
  /** Longest the end of the logger waits for the last lines. Units: ms. @default 5000 */
  readonly shutdownMs?: number | undefined;
}

type WorkerOptions = LogsTransportOptions & { readonly $context?: unknown; readonly pinoWillSendConfig?: unknown };

const maxLineChars = 1_048_576;

/**
 * Entry for `pino.transport`. The plugin and `cuittyStream` do the same without a worker, and are the ones to use where the app itself serves the portal:
 * pino blocks the main thread while a transport ends.
 *
 * ```ts
 * pino(pino.transport({ target: "@cuitty/sdk/plugins/logs-transport", options: { portalUrl, projectId, apiKey, minLevel: "info" } }));
 * ```
 * Errors: `invalid_option`, as createCuittyClient, on the logger's `error` event.
 */
export function logsTransport(options: LogsTransportOptions): Writable {
  // Pino adds members of its own to the options of a worker.
  const {
    minLevel,
    service,
    messageKey,
    shutdownMs = 5_000,
    $context: _context,
    pinoWillSendConfig: _config,
    ...clientOptions
  } = options as WorkerOptions;
  minLevelOf(minLevel);
  const client = createCuittyClient(clientOptions);
  let feed: ((line: string) => void) | undefined;
  const plugin: CuittyPlugin = {
    name: "logs-transport",
    setup(context: PluginContext) {
      const take = createLineFeed(context, { minLevel, service, messageKey });
      feed = (line) => take(line, {});
    },
  };
  client.use(plugin).start();

  const lines = createLineSplitter((line) => feed?.(line));
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      lines.write(chunk);
      done();
    },
    // The worker ends with this stream, so everything must be out before it is finished.
    final(done) {
      lines.end();
      client.shutdown(shutdownMs).then(() => done());
    },
    destroy(error, done) {
      client.shutdown(shutdownMs).then(() => done(error));
    },
  });
}

// Pino takes the default export; beside a named one its CommonJS form stays an object with `default`.
export default logsTransport;

/** Cuts chunks into lines; a line that never ends is cut at a million characters. */
function createLineSplitter(take: (line: string) => void) {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return {
    write(chunk: string | Buffer): void {
      const lines = (rest + (typeof chunk === "string" ? chunk : decoder.write(chunk))).split("\n");
      rest = lines.pop() as string;
      for (const line of lines) if (line !== "") take(line);
      if (rest.length <= maxLineChars) return;
      take(rest);
      rest = "";
    },
    end(): void {
      const line = rest + decoder.end();
      if (line !== "") take(line);
      rest = "";
    },
  };
}
