// Browsers, workers and edge runtimes, at once: byte counts, the console, unload hooks.
import type { Runtime } from "../runtime.ts";

export const browserRuntime: Runtime = {
  byteLength: (text) => new TextEncoder().encode(text).length,
  // Taken early: a plugin that patches the console must not see our lines.
  write: console.warn,
  attach({ state }) {
    // Workers and edge runtimes have no page that could go away.
    if (!globalThis.document) return;
    const leave = (event: Event): void => {
      if (event.type === "visibilitychange" && document.visibilityState !== "hidden") return;
      state.engine?.leave();
      // What other listeners of this moment emit leaves at once; a page that lives on gathers events as before.
      state.isLeaving = true;
      setTimeout(() => {
        state.isLeaving = false;
        state.engine?.touch();
      });
    };
    const names = ["pagehide", "visibilitychange", "pageshow"];
    for (const name of names) addEventListener(name, leave, true);
    state.detach = () => {
      for (const name of names) removeEventListener(name, leave, true);
    };
  },
  load: () => import("./engine.ts"),
};
