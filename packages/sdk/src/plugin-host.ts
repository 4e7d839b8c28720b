// Runs the hooks of plugins so that none can hurt the host, the client or another plugin.
import type { CuittyPlugin, EmittedEvent, PluginContext, RequestRecord } from "./plugin.ts";
import type { Stats } from "./stats.ts";

const maxThrows = 10;

/** Thrown by `before` when a plugin threw: an event that was not redacted must not leave. */
export const pluginError = Symbol("plugin error");

export interface PluginHost {
  /** True when events must pass through `before`. */
  readonly hasBefore: boolean;
  add(plugin: CuittyPlugin): void;
  start(context: PluginContext): void;
  /** The event as the plugins leave it, null when one leaves it out. Errors: throws `pluginError`. */
  before(event: EmittedEvent): EmittedEvent | null;
  request(record: RequestRecord): void;
  flush(): void;
  teardown(): void;
}

export function createPluginHost(stats: Stats): PluginHost {
  let plugins: readonly CuittyPlugin[] = [];
  const throws = new Map<CuittyPlugin, number>();
  let context: PluginContext | undefined;
  let befores: readonly CuittyPlugin[] = [];
  let depth = 0;

  function failed(plugin: CuittyPlugin, error: unknown): void {
    const count = (throws.get(plugin) ?? 0) + 1;
    throws.set(plugin, count);
    stats.counters.pluginErrors++;
    stats.debug(`plugin ${plugin.name} threw: ${String(error)}`);
    if (count !== maxThrows || plugin.failClosed) return;
    plugins = plugins.filter((other) => other !== plugin);
    befores = befores.filter((other) => other !== plugin);
    stats.warn(`plugin ${plugin.name} is switched off after ${maxThrows} errors: ${String(error)}`);
  }

  function each(call: (plugin: CuittyPlugin) => unknown, list = plugins): void {
    for (const plugin of list) {
      try {
        // A hook that is async by mistake must not end in an unhandled rejection.
        (call(plugin) as Promise<unknown> | undefined)?.then?.(undefined, (error: unknown) => failed(plugin, error));
      } catch (error) {
        failed(plugin, error);
      }
    }
  }

  return {
    get hasBefore() {
      return befores.length > 0;
    },
    add(plugin) {
      plugins = [...plugins, plugin];
      if (plugin.before) befores = [...befores, plugin];
      if (context) each((one) => one.setup?.(context as PluginContext), [plugin]);
    },
    start(given) {
      context = given;
      each((plugin) => plugin.setup?.(given));
    },
    before(event) {
      // A hook may emit; one that does so without end is cut off.
      if (depth > 4) return null;
      depth++;
      try {
        let current: EmittedEvent | null = event;
        for (const plugin of befores) {
          try {
            current = plugin.before?.(current) ?? null;
          } catch (error) {
            failed(plugin, error);
            throw pluginError;
          }
          if (!current) return null;
        }
        return current;
      } finally {
        depth--;
      }
    },
    request: (record) => each((plugin) => plugin.request?.(record)),
    flush: () => each((plugin) => plugin.flush?.()),
    teardown() {
      each((plugin) => plugin.teardown?.(), [...plugins].reverse());
      plugins = befores = [];
    },
  };
}
