// Runs the hooks of plugins so that none can hurt the host, the client or another plugin.
import { maxNesting, maxThrows } from "./limits.ts";
import type { CuittyPlugin, EmittedEvent, PluginContext, RequestRecord } from "./plugin.ts";
import type { Stats } from "./stats.ts";

/** Stands for the result of a hook that threw. */
const pluginError = "plugin_error";

export function createPluginHost({ counters, log }: Stats) {
  const plugins: CuittyPlugin[] = [];
  const throws = new Map<CuittyPlugin, number>();
  let context: PluginContext | undefined;
  let isDown = false;
  let isFlushing = false;
  let nesting = 0;

  function guard<Result>(plugin: CuittyPlugin, call: (plugin: CuittyPlugin) => Result): Result | typeof pluginError {
    const failed = (error: unknown): typeof pluginError => {
      const count = (throws.get(plugin) ?? 0) + 1;
      throws.set(plugin, count);
      counters.pluginErrors++;
      let isLast = count === maxThrows;
      let name = "";
      try {
        isLast &&= !plugin.failClosed;
        name += plugin.name;
      } catch {
        // Said without its name.
      }
      if (isLast) plugins.splice(plugins.indexOf(plugin), 1);
      log(`plugin ${name} ${isLast ? "is off" : "threw"}`, isLast, error);
      return pluginError;
    };
    try {
      const result = call(plugin);
      // A hook that is async by mistake must not end in an unhandled rejection.
      (result as Promise<unknown> | undefined)?.catch?.(failed);
      return result;
    } catch (error) {
      return failed(error);
    }
  }

  const each = (call: (plugin: CuittyPlugin) => unknown): void => {
    if (!isDown) for (const plugin of [...plugins]) guard(plugin, call);
  };
  const setup = (plugin: CuittyPlugin): unknown => context && plugin.setup?.(context);

  return {
    /** Null and false in the place of a plugin are ignored: an app may use one only sometimes. What else is no plugin is a mistake. */
    add(plugin: CuittyPlugin & { readonly call?: unknown }): void {
      // A factory that was not called has a name, too, but is a function.
      guard(plugin, () => {
        if (plugin ? !plugin.name || plugin.call : plugin === undefined) log("no plugin: use(auditPlugin())", true);
      });
      if (plugin && !isDown) {
        plugins.push(plugin);
        guard(plugin, setup);
      }
    },
    start(given: PluginContext): void {
      context = given;
      each(setup);
    },
    /** The event as the plugins leave it, or why it is left out: an event that was perhaps not redacted must not leave. */
    before(event: EmittedEvent): EmittedEvent | "plugin" | typeof pluginError {
      let current = event;
      // Most clients have no plugin that looks, and each event comes through here.
      if (!plugins.length) return current;
      if (nesting >= maxNesting) return pluginError;
      nesting++;
      try {
        for (const plugin of plugins) {
          const next = plugin.before ? guard(plugin, () => plugin.before?.(current)) : current;
          if (!next) return "plugin";
          // A promise is no event: its plugin is async by mistake.
          if (typeof (next as EmittedEvent).type !== "string") return pluginError;
          current = next as EmittedEvent;
        }
      } finally {
        nesting--;
      }
      return current;
    },
    request: (record: RequestRecord): void => each((plugin) => plugin.request?.(record)),
    /** Not again while it runs: at the end of a process, each event that a plugin emits may call it. */
    flush(): void {
      if (isFlushing) return;
      isFlushing = true;
      each((plugin) => plugin.flush?.());
      isFlushing = false;
    },
    /** From here on only `before` is called: what is emitted while the last requests run is redacted, too. */
    teardown(): void {
      if (isDown) return;
      isDown = true;
      for (const plugin of [...plugins].reverse()) guard(plugin, () => plugin.teardown?.());
    },
  };
}
