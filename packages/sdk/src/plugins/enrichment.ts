// The enrichment plugin: adds what is the same for all events of a process, or known only at the time, to every event.
import type { CuittyPlugin, EmittedEvent } from "../plugin.ts";

/** Fields of an event's `data`. */
export type Fields = Readonly<Record<string, unknown>>;

export interface EnrichmentPluginOptions {
  /** Fields of `data` to add where an event has none of that name, such as service, environment, release, host. */
  readonly fields?: Fields | ((event: EmittedEvent) => Fields | undefined) | undefined;
  /** Labels to add to `data.tags`; the event's own win. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Event types this is for. @default all */
  readonly types?: readonly string[] | undefined;
}

/**
 * Trigger: every event, as a `before` hook. Nothing that an event says itself is replaced.
 *
 * Expected event, with `fields: { service: "api" }`, for `emit({ type: "error", data: { name: "E", message: "m" } })`:
 * ```json
 * { "type": "error", "data": { "service": "api", "name": "E", "message": "m" } }
 * ```
 */
export function enrichmentPlugin(options: EnrichmentPluginOptions): CuittyPlugin {
  const { fields, tags } = options;
  const types = options.types === undefined ? undefined : new Set(options.types);
  return {
    name: "enrichment",
    before(event) {
      if (types?.has(event.type) === false) return event;
      const data = plainOf(event.data);
      if (typeof data !== "object" || data === null || Array.isArray(data)) return event;
      const added = typeof fields === "function" ? fields(event) : fields;
      // An undefined member counts as absent, as it does in JSON.
      const own = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
      const plainTags = plainOf(own.tags);
      const ownTags = typeof plainTags === "object" && plainTags !== null ? plainTags : undefined;
      const allTags = tags === undefined ? undefined : { tags: { ...tags, ...ownTags } };
      return { ...event, data: { ...added, ...own, ...allTags } };
    },
  };
}

/** What JSON would write: an object's own `toJSON` says what of it may leave. */
function plainOf(value: unknown): unknown {
  const toJSON = (value as { toJSON?: unknown } | null | undefined)?.toJSON;
  return typeof toJSON === "function" ? toJSON.call(value) : value;
}
