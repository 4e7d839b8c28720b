// Browsers, workers and edge runtimes, at once: byte counts, the console, unload hooks.
import type { Runtime } from "../runtime.ts";

export const browserRuntime: Runtime = {
  byteLength: (text) => new TextEncoder().encode(text).length,
  // Taken early: a plugin that patches the console must not see our lines.
  write: console.warn,
  attach(core) {
    // Workers and edge runtimes have no page that could go away.
    if (!globalThis.document) return;
    const leave = (): void => {
      if (document.visibilityState === "hidden") core.state.engine?.leave();
    };
    const back = (): void => core.state.engine?.touch();
    addEventListener("pagehide", leave);
    document.addEventListener("visibilitychange", leave);
    addEventListener("pageshow", back);
    core.state.detach = () => {
      removeEventListener("pagehide", leave);
      document.removeEventListener("visibilitychange", leave);
      removeEventListener("pageshow", back);
    };
  },
  load: () => import("./engine.ts"),
};
