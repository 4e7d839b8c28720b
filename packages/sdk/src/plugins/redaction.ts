// The redaction plugin: masks secrets in every event before it is serialised.
import type { CuittyPlugin } from "../plugin.ts";
import { createRedactor } from "./redact/copy.ts";

export interface RedactionPluginOptions {
  /** Keys whose values are masked besides the usual ones (password, token, apiKey, authorization, cookie, ...): names, or patterns. */
  readonly keys?: readonly (string | RegExp)[] | undefined;
  /** Text to mask wherever it stands, besides private keys, URL credentials, bearer values, well-known tokens, `password=...` and `"password":"..."`. */
  readonly patterns?: readonly RegExp[] | undefined;
  /** Event types that are left as they are. @default none */
  readonly exceptTypes?: readonly string[] | undefined;
}

/**
 * Trigger: every event, as a `before` hook; use it before other plugins. Never switched off: an event it fails on is left out.
 *
 * Expected event, for `emit({ type: "log", data: { level: "info", message: "GET postgres://app:pw@db/x", fields: { apiKey: "k", page: 2 } } })`:
 * ```json
 * { "type": "log", "data": { "level": "info", "message": "GET postgres://[redacted]@db/x", "fields": { "apiKey": "[redacted]", "page": 2 } } }
 * ```
 * With it, finished lines of the logs plugin are parsed again, to look into them.
 */
export function redactionPlugin(options: RedactionPluginOptions = {}): CuittyPlugin {
  const redact = createRedactor({ keys: options.keys ?? [], patterns: options.patterns ?? [] });
  const exceptTypes = new Set(options.exceptTypes);
  return {
    name: "redaction",
    failClosed: true,
    before: (event) => (exceptTypes.has(event.type) ? event : { ...event, data: redact(event.data) }),
  };
}
