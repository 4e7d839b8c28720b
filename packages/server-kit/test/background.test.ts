// Background work: jobs with leases, the outbox, and what survives a restart.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CuittyModule, defineModule, type OutboxMessage, openModules, outboxRows, runModuleTasks } from "@cuitty/server-kit";
import { testKit } from "@cuitty/server-kit/testing";
import type { ModuleFile } from "@cuitty/storage/module-file";
import { Type } from "@sinclair/typebox";
import { afterEach, describe, expect, test, vi } from "vitest";

/** A small module of an app's own: stores notes, tells a webhook of each, counts in a job. */
function notes(extra: Partial<CuittyModule>): CuittyModule {
  return defineModule({
    name: "notes",
    accepts: { note: Type.Object({ text: Type.String() }) },
    migrations: [
      {
        version: 1,
        name: "notes",
        statements: [
          "CREATE TABLE notes (seq INTEGER PRIMARY KEY AUTOINCREMENT, project_id TEXT NOT NULL, id TEXT NOT NULL, ts TEXT NOT NULL, data TEXT NOT NULL, UNIQUE (project_id, id)) STRICT",
        ],
      },
    ],
    ingest: (events, { projectId, nowMs }) => ({
      statements: [
        {
          table: "notes",
          columns: ["project_id", "id", "ts", "data"],
          rows: events.map(({ id, ts, data }) => [projectId, id, ts, JSON.stringify(data)]),
          onConflict: "ignore",
        },
        outboxRows(
          events.map(({ id, data }) => ({ topic: "told", key: id, payload: data })),
          nowMs,
        ),
      ],
    }),
    retention: [],
    ...extra,
  });
}

/** The same under another name. */
const memos = (extra: Partial<CuittyModule>) => notes({ name: "memos", accepts: { memo: Type.Object({ text: Type.String() }) }, ...extra });
const memo = (text: string) => ({ ...note(text), type: "memo" });

/** A promise with its ends in the test's hands. */
function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

afterEach(() => {
  vi.useRealTimers();
});

const note = (text: string) => ({ type: "note", ts: "2026-04-27T12:34:56Z", data: { text } });

test("modules without a kit have their background work too, for who asks for it", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-tasks-"));
  const nowMs = Date.parse("2026-04-27T12:00:00Z");
  const dayMs = 86_400_000;
  let ran = 0;
  const jobs = [{ name: "count", everyMs: 60_000, run: async () => void ran++ }];
  const retention = [{ table: "notes", column: "seq", days: 1 }];
  const modules = await openModules({ dataDir, modules: [notes({ jobs, retention, ingest: () => ({ statements: [] }) })] });
  const file = modules.ofName("notes")?.file as ModuleFile;
  const row = { table: "notes", columns: ["project_id", "id", "ts", "data"], rows: [["p", "i", "t", "{}"]] };
  await file.write({ projectId: "p", idempotencyKey: "yesterdays", nowMs, statements: [row] });
  const tasks = runModuleTasks(modules, { clock: () => nowMs + 2 * dayMs });
  try {
    await tasks.runNow("retention");
    await tasks.runNow("job:notes.count");
    expect(ran).toBeGreaterThan(0);
    expect(await file.all("SELECT count(*) FROM notes UNION ALL SELECT count(*) FROM _inbox")).toEqual([[0], [0]]);
  } finally {
    await tasks.close();
    await modules.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});

describe("the outbox", () => {
  test("delivers what was committed, again after a failure, and not again after a success", async () => {
    const told: string[] = [];
    let isDown = true;
    const receiver = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        if (!isDown) told.push(body);
        response.writeHead(isDown ? 500 : 200).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    const failures: string[] = [];
    const module = notes({
      deliveries: {
        async told(message, { fetch, signal }) {
          const response = await fetch(url, { method: "POST", body: JSON.stringify(message.payload), signal });
          if (!response.ok) throw new Error(`the receiver answered ${response.status}`);
        },
      },
    });
    const kit = await testKit({ modules: [module], onFault: ({ source }) => failures.push(source) });
    try {
      await kit.ingest([note("one"), note("two"), { type: "note", ts: "x", data: {} }]);
      await kit.kit.runTask("outbox");
      expect([told, failures]).toEqual([[], ["outbox told", "outbox told"]]);
      isDown = false;
      await kit.kit.runTask("outbox");
      expect(told).toEqual([]);
      await kit.reopen();
      kit.advance(60_000);
      await kit.kit.runTask("outbox");
      expect(told.sort()).toEqual(['{"text":"one"}', '{"text":"two"}']);
      kit.advance(3_600_000);
      await kit.kit.runTask("outbox");
      expect(told).toHaveLength(2);
    } finally {
      await kit.close();
      await new Promise((resolve) => receiver.close(resolve));
    }
  });

  test("gives up after twelve tries and keeps the message with its error", async () => {
    const attempts: number[] = [];
    const module = notes({
      deliveries: {
        async told(message: OutboxMessage) {
          attempts.push(message.attempt);
          throw new Error("never");
        },
      },
    });
    const kit = await testKit({ modules: [module], onFault: () => undefined });
    try {
      await kit.ingest([note("one")]);
      for (let round = 0; round < 20; round += 1) {
        await kit.kit.runTask("outbox");
        kit.advance(24 * 3_600_000);
      }
      expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
      const rows = await kit.kit.modules.all[0]?.file.all("SELECT attempts, last_error FROM _outbox");
      expect(rows).toEqual([[12, "never"]]);
    } finally {
      await kit.close();
    }
  });

  test("keeps the newest 10,000 of the messages it has given up, and those that are still to be delivered", async () => {
    const told = () => Promise.reject(new Error("never"));
    const kit = await testKit({ modules: [notes({ deliveries: { told } })], onFault: () => undefined });
    const file = kit.kit.modules.all[0]?.file;
    const insert = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
      INSERT INTO _outbox (topic, payload, created_at, due_at, attempts) SELECT 'told', '"old"', 0, ?1, 12 FROM numbers`;
    try {
      for (const [dueAtMs, count] of [
        [1e15, 5],
        [8_640_000_000_000_000, 10_002],
      ] as const)
        await file?.transact((tx) => tx.run(insert, [dueAtMs, count]));
      await kit.ingest([note("one")]);
      for (let round = 0; round < 12; round += 1) {
        await kit.kit.runTask("outbox");
        kit.advance(24 * 3_600_000);
      }
      const counts = "SELECT count(*), min(id), max(last_error) FROM _outbox GROUP BY due_at ORDER BY due_at";
      expect(await file?.all(counts)).toEqual([
        [5, 1, null],
        [10_000, 9, "never"],
      ]);
    } finally {
      await kit.close();
    }
  });

  test("goes on with other messages and modules while a delivery hangs, and tries that one again when its claim has ended", async () => {
    const hanging = deferred<AbortSignal>();
    const told: string[] = [];
    const others = { notes: deferred(), memos: deferred() };
    const deliveries = (name: keyof typeof others): CuittyModule["deliveries"] => ({
      async told({ payload, attempt }, { signal }) {
        const { text } = payload as { text: string };
        told.push(`${name} ${text} ${attempt}`);
        if (text === "other") others[name].resolve();
        if (text !== "hangs" || attempt > 1) return;
        hanging.resolve(signal);
        await new Promise(() => undefined);
      },
    });
    const faults: unknown[] = [];
    const kit = await testKit({
      modules: [notes({ deliveries: deliveries("notes") }), memos({ deliveries: deliveries("memos") })],
      onFault: (fault) => faults.push(fault),
    });
    try {
      await kit.ingest([note("hangs")]);
      const first = kit.kit.runTask("outbox");
      const signal = await hanging.promise;
      await kit.ingest([note("other"), memo("other")]);
      const second = kit.kit.runTask("outbox");
      await Promise.all([others.notes.promise, others.memos.promise]);
      expect([signal.aborted, faults]).toEqual([false, []]);
      kit.advance(60_000);
      await Promise.all([first, second]);
      expect(signal.aborted).toBe(true);
      expect(faults).toMatchObject([{ source: "outbox told", error: { code: "delivery_timeout" } }]);
      kit.advance(10_000);
      await kit.kit.runTask("outbox");
      expect(told.sort()).toEqual(["memos other 1", "notes hangs 1", "notes hangs 2", "notes other 1"]);
      expect(await kit.kit.modules.ofName("notes")?.file.all("SELECT * FROM _outbox")).toEqual([]);
    } finally {
      await kit.close();
    }
  });

  test("takes up what a killed process had claimed before the clock was put back", async () => {
    const told: number[] = [];
    const deliveries: CuittyModule["deliveries"] = {
      async told({ attempt }) {
        told.push(attempt);
      },
    };
    const kit = await testKit({ modules: [notes({ deliveries })] });
    try {
      await kit.ingest([note("one")]);
      const claimUntil = (atMs: number) =>
        kit.kit.modules.all[0]?.file.transact((tx) => tx.run("UPDATE _outbox SET attempts = 1, claimed_until = ?", [atMs]));
      await claimUntil(Date.now() + 120_000);
      await kit.kit.runTask("outbox");
      expect(told).toEqual([]);
      await claimUntil(Date.now() + 4 * 365 * 86_400_000);
      await kit.kit.runTask("outbox");
      expect(told).toEqual([2]);
    } finally {
      await kit.close();
    }
  });

  test("does not put back after its claim what another runner tries, and takes away what is delivered all the same", async () => {
    const started = deferred();
    const late = deferred();
    const deliveries: CuittyModule["deliveries"] = {
      async told() {
        started.resolve();
        await late.promise;
      },
    };
    const kit = await testKit({ modules: [notes({ deliveries })], onFault: () => undefined });
    const left = async () => (await kit.kit.modules.all[0]?.file.all("SELECT attempts, claimed_until FROM _outbox")) ?? [];
    try {
      await kit.ingest([note("slow")]);
      const run = kit.kit.runTask("outbox");
      await started.promise;
      const theirs = Date.now() + 180_000;
      await kit.kit.modules.all[0]?.file.transact((tx) => tx.run("UPDATE _outbox SET attempts = 2, claimed_until = ?", [theirs]));
      kit.advance(60_000);
      await run;
      expect(await left()).toEqual([[2, theirs]]);
      late.resolve();
      await vi.waitUntil(async () => (await left()).length === 0);
    } finally {
      await kit.close();
    }
  });
});

describe.each([true, false])("closing, with a storage thread: %s,", (storageThread) => {
  test("ends after 10 s although a delivery and a job never heed their signals, and what they do later harms nobody", async () => {
    const late = deferred();
    const started = [deferred<AbortSignal>(), deferred<AbortSignal>()];
    const read = deferred<unknown>();
    const attempts: number[] = [];
    const module = notes({
      deliveries: {
        async told({ attempt }, { signal }) {
          attempts.push(attempt);
          if (attempt > 1) return;
          started[0]?.resolve(signal);
          await late.promise;
        },
      },
      jobs: [
        {
          name: "hangs",
          everyMs: 1_000,
          async run({ file, signal }) {
            started[1]?.resolve(signal);
            await late.promise;
            await file.all("SELECT 1").then(read.resolve, read.reject);
            throw new Error("late");
          },
        },
      ],
    });
    const faults: unknown[] = [];
    const kit = await testKit({ modules: [module], storageThread, onFault: (fault) => faults.push(fault) });
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    try {
      await kit.ingest([note("one")]);
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const runs = [kit.kit.runTask("outbox"), kit.kit.runTask("job:notes.hangs")];
      const signals = await Promise.all(started.map(({ promise }) => promise));
      const closing = kit.kit.close();
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
      await vi.advanceTimersByTimeAsync(10_000);
      await closing;
      late.resolve();
      await expect(read.promise).rejects.toMatchObject({ code: "closed" });
      await Promise.all(runs);
      vi.useRealTimers();
      await kit.reopen();
      kit.advance(60_000);
      await kit.kit.runTask("outbox");
      expect([attempts, faults, unhandled]).toEqual([[1, 2], [], []]);
    } finally {
      process.off("unhandledRejection", onUnhandled);
      await kit.close();
    }
  });

  test("waits for deliveries that heed their signal and gives them back for the next start", async () => {
    const started = deferred();
    const attempts: number[] = [];
    const module = notes({
      deliveries: {
        async told({ attempt }, { signal }) {
          attempts.push(attempt);
          if (attempt > 1) return;
          started.resolve();
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      },
    });
    const faults: unknown[] = [];
    const kit = await testKit({ modules: [module], storageThread, onFault: (fault) => faults.push(fault) });
    try {
      await kit.ingest([note("one")]);
      const run = kit.kit.runTask("outbox");
      await started.promise;
      await kit.reopen();
      await run;
      await kit.kit.runTask("outbox");
      expect([attempts, faults]).toEqual([[1, 2], []]);
    } finally {
      await kit.close();
    }
  });
});

describe("jobs", () => {
  test("run when they are asked for, due or not, one runner at a time", async () => {
    let runs = 0;
    const module = notes({
      jobs: [
        {
          name: "count",
          everyMs: 3_600_000,
          async run({ file }) {
            runs += 1;
            await file.all("SELECT 1");
          },
        },
      ],
    });
    const kit = await testKit({ modules: [module] });
    const count = () => kit.kit.runTask("job:notes.count");
    try {
      await Promise.all([count(), count()]);
      expect(runs).toBe(1);
      await count();
      await kit.reopen();
      await count();
      expect(runs).toBe(3);
      const leasedUntil = Date.now() + 120_000;
      await kit.kit.modules.all[0]?.file.transact((tx) => tx.run("UPDATE _jobs SET owner = 'other', leased_until = ?", [leasedUntil]));
      await expect(count()).rejects.toMatchObject({ code: "busy", retryable: true });
      expect(runs).toBe(3);
      await kit.kit.close();
      await expect(count()).rejects.toMatchObject({ code: "shutting_down" });
    } finally {
      await kit.close();
    }
  });

  test("that fail with nothing, while the app's own handler of faults fails, too, end neither their runs nor the process", async () => {
    let runs = 0;
    const job = {
      name: "fails",
      everyMs: 20,
      run() {
        runs += 1;
        return Promise.reject();
      },
    };
    const lines = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const onFault = () => {
      throw new Error("the handler");
    };
    const kit = await testKit({ modules: [notes({ jobs: [job] })], runJobs: true, onFault });
    try {
      // An error that nobody awaits would fail this file.
      await vi.waitFor(() => expect(runs).toBeGreaterThan(2));
      expect(lines).toHaveBeenCalledWith("cuitty: job:notes.fails failed (error): undefined\n");
    } finally {
      await kit.close();
      lines.mockRestore();
    }
  });

  test("of one name in one module are refused", () => {
    const job = { name: "twin", everyMs: 1_000, run: async () => undefined };
    expect(() => notes({ jobs: [job, { ...job, name: "other" }, job] })).toThrow(
      expect.objectContaining({ code: "invalid_module", message: expect.stringContaining('"twin" twice') }),
    );
  });

  test("one that fails is reported and runs again at its next time; an unknown task is refused", async () => {
    const faults: string[] = [];
    let runs = 0;
    const run = async () => {
      runs += 1;
      throw new Error("no");
    };
    const kit = await testKit({
      modules: [notes({ jobs: [{ name: "fails", everyMs: 1_000, run }] })],
      onFault: ({ source }) => faults.push(source),
    });
    try {
      await kit.kit.runTask("job:notes.fails");
      kit.advance(1_001);
      await kit.kit.runTask("job:notes.fails");
      expect([runs, faults]).toEqual([2, ["job:notes.fails", "job:notes.fails"]]);
      await expect(kit.kit.runTask("nothing")).rejects.toMatchObject({ code: "not_found" });
    } finally {
      await kit.close();
    }
  });
});

describe("retention", () => {
  const withoutRowid = {
    version: 1,
    name: "notes",
    statements: [
      "CREATE TABLE notes (project_id TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (project_id, id)) STRICT, WITHOUT ROWID",
    ],
  };
  const dayMs = 86_400_000;
  const fails = (message: string) => ({
    table: "notes",
    column: "ts",
    days: 1,
    async prune(): Promise<number> {
      throw new Error(message);
    },
  });
  const ages = {
    migrations: [
      {
        version: 1,
        name: "notes",
        statements: [
          "CREATE TABLE notes (project_id TEXT NOT NULL, id TEXT NOT NULL, ts TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL DEFAULT 0, UNIQUE (project_id, id)) STRICT",
        ],
      },
    ],
  };
  const byAge = { table: "notes", column: "at", days: 1 };

  test("that fails is told, and neither the module's other rules and its inbox nor later modules wait for it", async () => {
    const faults: unknown[] = [];
    const kit = await testKit({
      modules: [notes({ ...ages, retention: [fails("one"), fails("two"), byAge] }), memos({ ...ages, retention: [byAge] })],
      onFault: (fault) => faults.push(fault),
    });
    try {
      await kit.ingest([note("one"), memo("one")], "one-key-of-both");
      kit.advance(3 * dayMs);
      await kit.kit.runTask("retention");
      const left = await Promise.all(
        kit.kit.modules.all.map(({ file }) => file.all("SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM _inbox)")),
      );
      expect(left).toEqual([[[0, 0]], [[0, 0]]]);
      expect(faults).toMatchObject([
        { source: "retention notes", error: { message: "one" } },
        { source: "retention notes", error: { message: "two" } },
      ]);
    } finally {
      await kit.close();
    }
  });

  test("that never ends holds up no other module", async () => {
    const hangs = { ...byAge, prune: () => new Promise<number>(() => undefined) };
    const pruned = deferred();
    const tells = {
      ...byAge,
      async prune() {
        pruned.resolve();
        return 0;
      },
    };
    const kit = await testKit({ modules: [notes({ ...ages, retention: [hangs] }), memos({ ...ages, retention: [tells] })] });
    void kit.kit.runTask("retention");
    await pruned.promise;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const closing = kit.close();
    await vi.advanceTimersByTimeAsync(10_000);
    await closing;
  });

  test("of a table without a rowid is refused at the start, unless its rule deletes by itself", async () => {
    const rule = { table: "notes", column: "at", days: 1 };
    const refused = testKit({ modules: [notes({ migrations: [withoutRowid], retention: [rule] })] });
    await expect(refused).rejects.toMatchObject({
      code: "invalid_module",
      message: expect.stringMatching(/notes.*WITHOUT ROWID.*prune\(\)/),
    });
    const kit = await testKit({ modules: [notes({ migrations: [withoutRowid], retention: [{ ...rule, prune: async () => 0 }] })] });
    await kit.close();
  });
});
