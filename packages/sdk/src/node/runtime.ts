// Node and Bun, at once: byte counts, stderr, exit hooks.
import type { Runtime } from "../runtime.ts";
import { watchExit } from "./exit.ts";
import { openWriter } from "./spool-writer.ts";

const ignore = (): void => {};

export const nodeRuntime: Runtime = {
  byteLength: Buffer.byteLength,
  // Past every Console: one that a host or a plugin patched must not see our lines, and Node's own lets the second line to a broken stderr end the process.
  write: (line) => process.stderr.off("error", ignore).once("error", ignore).write(`${line}\n`),
  attach(core) {
    try {
      core.state.spool = openWriter(core.settings);
    } catch {
      // The engine tries again, and says so.
    }
    core.state.detach = watchExit(core);
  },
  load: () => import("./engine.ts"),
};
