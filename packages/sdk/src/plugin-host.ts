// Runs the hooks of plugins so that none can hurt the host, the client or another plugin.
import type { CuittyPlugin, EmittedEvent, PluginContext, RequestRecord } from "./plugin.ts";
import type { Stats } from "./stats.ts";

const maxThrows = 10;
const maxDepth = 4;

/** Thrown by `before` when a plugin threw: an event that was perhaps not redacted must not leave. */
export const pluginError = {};

export function createPluginHost({ counters, debug, warn }: Stats) {
  const throws = new Map<CuittyPlugin, number>();
  let plugins: readonly CuittyPlugin[] = [];
  let context: PluginContext | undefined;
  let depth = 0;

  function failed(plugin: CuittyPlugin, error: unknown): void {
    const count = (throws.get(plugin) ?? 0) + 1;
    throws.set(plugin, count);
    counters.pluginErrors++;
    debug(`plugin ${plugin.name} threw: ${error}`);
    if (count !== maxThrows || plugin.failClosed) return;
    plugins = plugins.filter((other) => other !== plugin);
    warn(`plugin ${plugin.name} is switched off after ${maxThrows} errors: ${error}`);
  }

  function each(call: (plugin: CuittyPlugin) => unknown, list = plugins): void {
    for (const plugin of list) {
      try {
        // A hook that is async by mistake must not end in an unhandled rejection.
        (call(plugin) as Promise<unknown> | undefined)?.then?.(undefined, (error) => failed(plugin, error));
      } catch (error) {
        failed(plugin, error);
      }
    }
  }

  const setup = (plugin: CuittyPlugin): unknown => context && plugin.setup?.(context);

  return {
    hasBefore: (): boolean => plugins.some((plugin) => plugin.before),
    add(plugin: CuittyPlugin): void {
      plugins = [...plugins, plugin];
      each(setup, [plugin]);
    },
    start(given: PluginContext): void {
      context = given;
      each(setup);
    },
    /** The event as the plugins leave it, null when one leaves it out. Errors: throws `pluginError`. */
    before(event: EmittedEvent): EmittedEvent | null {
      let current: EmittedEvent | null = event;
      // A hook may emit; one that does so without end is cut off.
      if (depth > maxDepth) return null;
      depth++;
      for (const plugin of plugins) {
        try {
          if (plugin.before && current) current = plugin.before(current);
        } catch (error) {
          depth--;
          failed(plugin, error);
          throw pluginError;
        }
      }
      depth--;
      return current;
    },
    request: (record: RequestRecord): void => each((plugin) => plugin.request?.(record)),
    flush: (): void => each((plugin) => plugin.flush?.()),
    teardown(): void {
      each((plugin) => plugin.teardown?.(), [...plugins].reverse());
      plugins = [];
    },
  };
}
