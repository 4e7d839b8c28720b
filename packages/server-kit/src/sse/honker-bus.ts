// Hints between the processes of one machine, over a small file of their own. Source: `HonkerEventTarget` of the storage package.
import { randomUUID } from "node:crypto";
import { HonkerEventTarget, open } from "@cuitty/storage/sqlite";
import { type Bus, createProcessBus } from "../bus.ts";

export interface HonkerBusOptions {
  /** The hint file, made if missing; every process of the app opens the same one. Not a file of the kit's data. */
  readonly path: string;
  /** @default "auto" */
  readonly engine?: "auto" | "honker" | "libsql" | undefined;
}

/** Hints of one process within a few milliseconds: topic and highest seq. */
interface Bundle {
  readonly from: string;
  readonly hints: readonly (readonly [topic: string, seq: number])[];
}

const bundleMs = 5;

/**
 * Listeners of this process hear at once, those of other processes within milliseconds of the bundle. A hint that cannot be sent is dropped, as readers
 * poll anyway. Errors: those of `open`.
 * @example const kit = await createServerKit({ dataDir, modules, bus: honkerBus({ path: "./hints.db" }) });
 */
export function honkerBus({ path, engine = "auto" }: HonkerBusOptions): Bus {
  // A hint lost in a power cut costs nothing: nobody was listening.
  const client = open(path, { engine, synchronous: "OFF" });
  const target = new HonkerEventTarget<{ hints: Bundle }>(client, { prefix: "cuitty." });
  const local = createProcessBus();
  const from = randomUUID();
  const pending = new Map<string, number>();
  let timer: ReturnType<typeof setTimeout> | null = null;

  function flush(): void {
    timer = null;
    const hints = [...pending];
    pending.clear();
    if (hints.length === 0) return;
    try {
      target.emit("hints", { from, hints });
    } catch {
      // Busy or full: the others find out when they poll.
    }
  }

  target.addEventListener("hints", ({ detail }) => {
    if (detail.from === from) return;
    for (const [topic, seq] of detail.hints) local.publish(topic, { seq });
  });

  return {
    name: "honker",
    publish(topic, hint) {
      local.publish(topic, hint);
      pending.set(topic, Math.max(hint.seq, pending.get(topic) ?? 0));
      timer ??= setTimeout(flush, bundleMs);
    },
    subscribe: local.subscribe,
    close() {
      if (timer !== null) clearTimeout(timer);
      flush();
      target.close();
      client.close();
    },
  };
}
