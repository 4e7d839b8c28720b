// Background work on module files: retention, the modules' jobs and their outboxes.
import { type Clock, type RandomBytes, systemClock, systemRandom } from "../clock.ts";
import { faultHandler } from "../faults.ts";
import type { ModuleRegistry } from "../modules.ts";
import type { KitFault, KitOptions } from "../options.ts";
import { runJob } from "./jobs.ts";
import { createOutbox } from "./outbox.ts";
import { applyRetention } from "./retention.ts";
import { createScheduler, type Scheduler } from "./schedule.ts";

/** Background work that runs until it is closed. */
export type KitTasks = Pick<Scheduler, "runNow" | "close">;

export interface TaskPorts {
  readonly modules: ModuleRegistry;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly options: Pick<KitOptions, "runJobs" | "retentionDays" | "fetch">;
  readonly onFault: (fault: KitFault) => void;
}

export interface ModuleTasksOptions extends Pick<KitOptions, "retentionDays" | "fetch" | "clock" | "random" | "onFault"> {}

/**
 * For routes made of parts, without a kit: deletes expired rows and keys of batches older than a day, runs the modules' jobs and outboxes, until it
 * is closed. Close it before the modules.
 * @example const tasks = runModuleTasks(modules);
 */
export function runModuleTasks(modules: ModuleRegistry, options: ModuleTasksOptions = {}): KitTasks {
  const { clock = systemClock, random = systemRandom, onFault } = options;
  return createKitTasks({ modules, clock, random, options, onFault: faultHandler(onFault) });
}

const retentionEveryMs = 60_000;
const outboxEveryMs = 1_000;
/** A job with a longer interval is still looked at this often, so that a restart does not put it off. */
const longestLookMs = 60_000;

/** All of it in one scheduler. */
export function createKitTasks(ports: TaskPorts): KitTasks {
  const scheduler = createScheduler({ onFault: ports.onFault, isAutomatic: ports.options.runJobs ?? true });
  addRetention(scheduler, ports);
  addOutbox(scheduler, ports);
  addJobs(scheduler, ports);
  return scheduler;
}

function addRetention(scheduler: Scheduler, { modules, clock, options, onFault }: TaskPorts): void {
  for (const module of modules.all) {
    const onFailure = (error: unknown) => onFault({ source: `retention ${module.definition.name}`, error });
    scheduler.add({
      name: "retention",
      everyMs: retentionEveryMs,
      async run(signal) {
        await applyRetention(module, { clock, days: options.retentionDays, onFailure }, signal);
        return "ran";
      },
    });
  }
}

function addOutbox(scheduler: Scheduler, { modules, clock, options, onFault }: TaskPorts): void {
  const fetch = options.fetch ?? globalThis.fetch;
  const onFailure = (topic: string, error: unknown) => onFault({ source: `outbox ${topic}`, error });
  for (const module of modules.all) {
    if (module.definition.deliveries === undefined) continue;
    const outbox = createOutbox(module, { clock, fetch, lookEveryMs: outboxEveryMs, onFailure });
    scheduler.add({
      name: "outbox",
      everyMs: outboxEveryMs,
      async run(signal) {
        await outbox.drain(signal);
        return "ran";
      },
    });
  }
}

function addJobs(scheduler: Scheduler, { modules, clock, random }: TaskPorts): void {
  const owner = Buffer.from(random(8)).toString("hex");
  for (const module of modules.all) {
    for (const job of module.definition.jobs ?? []) {
      scheduler.add({
        name: `job:${module.definition.name}.${job.name}`,
        everyMs: Math.min(job.everyMs, longestLookMs),
        run: (signal, isAsked) => runJob(module, job, { clock, owner, signal, isAsked }),
      });
    }
  }
}
