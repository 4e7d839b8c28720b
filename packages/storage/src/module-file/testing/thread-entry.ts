// A storage thread with procedures for its tests: one that appends to what is there, one that ends the thread.
import type { Procedure } from "../procedure.ts";
import { hostModuleFiles } from "../thread/host.ts";

export const appendNext: Procedure<{ readonly body: string }> = {
  name: "test.append",
  run: (tx, { body }) => {
    const [[last]] = tx.all("SELECT coalesce(max(seq), 0) FROM events") as [[number]];
    return {
      inserted: tx.insert({ table: "events", columns: ["project", "id", "body"], rows: [["p1", `next-${last}`, body]] }),
      duplicate: 0,
    };
  },
};

export const endThread: Procedure<null> = {
  name: "test.end",
  run: () => process.exit(1),
};

hostModuleFiles({ procedures: [appendNext, endThread] });
