// Node and Bun, at once: byte counts, stderr, exit hooks.
import { Console } from "node:console";
import type { Runtime } from "../runtime.ts";
import { watchExit } from "./exit.ts";
import { openWriter } from "./spool-writer.ts";

export const nodeRuntime: Runtime = {
  byteLength: Buffer.byteLength,
  // A Console of its own: one that a host or a plugin patched must not see our lines, and an stderr that is closed must not throw.
  write: (line) => new Console(process.stderr).error(line),
  attach(core) {
    try {
      core.state.spool = openWriter(core.settings);
    } catch (error) {
      core.stats.log("the spool failed", true, error);
    }
    core.state.detach = watchExit(core);
  },
  load: () => import("./engine.ts"),
};
