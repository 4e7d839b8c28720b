import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineModule } from "@cuitty/server-kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ModuleRegistry, type OpenModule, openModules } from "../modules.ts";
import { runJob } from "./jobs.ts";
import { createScheduler, type TaskResult } from "./schedule.ts";

const hourMs = 3_600_000;
const startMs = Date.parse("2026-04-27T12:00:00Z");
const { signal } = new AbortController();

let folder: string;
let modules: ModuleRegistry;
let nowMs: number;
let runs: number;
beforeEach(async () => {
  nowMs = startMs;
  runs = 0;
  folder = await mkdtemp(join(tmpdir(), "cuitty-jobs-"));
  const module = defineModule({ name: "notes", accepts: {}, migrations: [], ingest: () => ({ statements: [] }), retention: [] });
  modules = await openModules({ dataDir: folder, modules: [module] });
});
afterEach(async () => {
  await modules.close();
  await rm(folder, { recursive: true, force: true });
});

const count = {
  name: "count",
  everyMs: hourMs,
  async run() {
    runs += 1;
  },
};

function look({ owner = "one", isAsked = false, job = count } = {}): Promise<TaskResult> {
  return runJob(modules.all[0] as OpenModule, job, { clock: () => nowMs, owner, signal, isAsked });
}

test("a job is due when its time has passed since the last run, whoever ran it, and runs before that when it is asked for", async () => {
  expect([await look(), await look(), await look({ owner: "two" })]).toEqual(["ran", "not_due", "not_due"]);
  nowMs += hourMs - 1;
  expect([await look(), await look({ isAsked: true }), await look()]).toEqual(["not_due", "ran", "not_due"]);
  nowMs += hourMs;
  expect([await look({ owner: "two" }), await look()]).toEqual(["ran", "not_due"]);
  expect(runs).toBe(3);
});

test("a job that another runner has under way is left to it, asked for or not", async () => {
  const job = {
    ...count,
    async run() {
      nowMs += 1_000;
      expect([await look({ owner: "two" }), await look({ owner: "two", isAsked: true })]).toEqual(["elsewhere", "elsewhere"]);
    },
  };
  expect(await look({ job })).toBe("ran");
  expect([runs, await look({ owner: "two", isAsked: true })]).toEqual([0, "ran"]);
});

test("a last run in the future, noted before the clock was put back, holds no job back; clocks that differ a little do not run it twice", async () => {
  await look();
  nowMs -= 10_000;
  expect(await look({ owner: "two" })).toBe("not_due");
  nowMs -= hourMs;
  expect([await look(), await look(), runs]).toEqual(["ran", "not_due", 2]);
});

test("a lease from before the clock was put back, of a runner that was killed, holds no job back; one that still runs does", async () => {
  await look();
  await (modules.all[0] as OpenModule).file.transact((tx) =>
    tx.run("UPDATE _jobs SET owner = 'killed', leased_until = ?", [nowMs + 30_000]),
  );
  expect(await look({ isAsked: true })).toBe("elsewhere");
  nowMs -= 60_000;
  expect(await look({ isAsked: true })).toBe("elsewhere");
  nowMs -= hourMs;
  expect([await look({ isAsked: true }), runs]).toEqual(["ran", 2]);
});

test("a run that is asked for while a look finds nothing due comes after the look", async () => {
  const results: TaskResult[] = [];
  const scheduler = createScheduler({ onFault: ({ error }) => expect.unreachable(String(error)) });
  let isLooking: () => void = () => undefined;
  let endLook: () => void = () => undefined;
  const looking = new Promise<void>((resolve) => {
    isLooking = resolve;
  });
  const lookEnds = new Promise<void>((resolve) => {
    endLook = resolve;
  });
  scheduler.add({
    name: "count",
    everyMs: 1,
    async run(_signal, isAsked) {
      if (!isAsked) {
        isLooking();
        await lookEnds;
      }
      const result: TaskResult = isAsked ? "ran" : "not_due";
      results.push(result);
      return result;
    },
  });
  await looking;
  const asked = scheduler.runNow("count");
  endLook();
  await asked;
  await scheduler.close();
  expect(results.slice(0, 2)).toEqual(["not_due", "ran"]);
});
