// Background work of a kit: retention and the modules' jobs.
import type { KitPorts } from "../kit-pipeline.ts";
import { applyRetention } from "./retention.ts";
import { createScheduler } from "./schedule.ts";

export interface KitTasks {
  runNow(name: string): Promise<void>;
  close(): Promise<void>;
}

const retentionEveryMs = 60_000;

export function createKitTasks(ports: KitPorts): KitTasks {
  const { options, modules, clock, onFault } = ports;
  const scheduler = createScheduler(onFault);
  if (options.runJobs ?? true) {
    scheduler.add({
      name: "retention",
      everyMs: retentionEveryMs,
      async run(signal) {
        for (const module of modules.all) await applyRetention(module, { clock, days: options.retentionDays }, signal);
      },
    });
  }
  return scheduler;
}
