// The checks of the module contract, one function each.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServerKit } from "../create-server-kit.ts";
import type { ServerKit } from "../kit.ts";
import { basePathOf } from "../kit-routes.ts";
import type { CuittyModule } from "../module.ts";
import { restoreKit } from "../runners/backup.ts";
import { killedChildSource } from "./killed-child.ts";
import { storedIds } from "./stored-events.ts";
import type { TestKit } from "./test-kit.ts";

export interface ConformanceOptions {
  /** Makes the module with its defaults. */
  readonly module: () => CuittyModule;
  /** Where a child process finds the factory, to be killed with it: `{ specifier: "@cuitty/server-kit/audit", exportName: "audit" }`. */
  readonly source: { readonly specifier: string; readonly exportName: string };
  /** Arguments of Node for that child: conditions, loaders. @default process.execArgv */
  readonly childArgs?: readonly string[] | undefined;
  /** A valid event, different for each index. */
  readonly event: (index: number) => { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
  /** Data that the module must refuse. @default an empty object */
  readonly badData?: Readonly<Record<string, unknown>> | undefined;
  /** A list route relative to the module's base path, with `limit`, `cursor` and a reply `{ events, nextCursor }`. @default "/events" if the module has it */
  readonly listPath?: string | undefined;
  /** For a module without a stream: the table with a row for each event and the columns `id` and `project_id`. @default the only such table */
  readonly table?: string | undefined;
  /** Documented examples of `data` by event type; all must be accepted. @default the first of `event` */
  readonly examples?: Readonly<Record<string, readonly unknown[]>> | undefined;
}

const dayMs = 86_400_000;

/** `count` events with ids, a second apart, the last one now. */
function makeEvents(options: ConformanceOptions, count: number, from = 0): readonly Record<string, unknown>[] {
  const nowMs = Date.now();
  return Array.from({ length: count }, (_, index) => {
    const serial = (from + index).toString(16).padStart(12, "0");
    return {
      ...options.event(from + index),
      ts: new Date(nowMs - (count - index) * 1000).toISOString(),
      id: `018f3c5a-7b1c-7def-8abc-${serial}`,
    };
  });
}

async function storedIn(test: TestKit, { table }: ConformanceOptions): Promise<readonly string[]> {
  return storedIds(test.kit, test.credentials.projectId, table);
}

/** Where the suite looks for a list. */
export function listPathOf({ listPath = "/events" }: ConformanceOptions): string {
  return listPath;
}

function pathIn({ kit }: TestKit, path: string): string {
  const [opened] = kit.modules.all;
  assert.ok(opened);
  return basePathOf(opened.definition) + path;
}

const idsOf = (events: readonly Record<string, unknown>[]): readonly unknown[] => events.map(({ id }) => id);

export async function doubleIngest(test: TestKit, options: ConformanceOptions): Promise<void> {
  const events = makeEvents(options, 10);
  assert.equal((await test.ingest(events)).accepted, 10);
  const again = await test.ingest([...events, ...makeEvents(options, 2, 10)]);
  assert.deepEqual({ accepted: again.accepted, duplicate: again.duplicate }, { accepted: 2, duplicate: 10 });
  const twice = makeEvents(options, 1, 20);
  const inOneBatch = await test.ingest([...twice, ...twice]);
  assert.deepEqual({ accepted: inOneBatch.accepted, duplicate: inOneBatch.duplicate }, { accepted: 1, duplicate: 1 });
  assert.equal((await storedIn(test, options)).length, 13);
}

export async function oneBad(test: TestKit, options: ConformanceOptions): Promise<void> {
  const events = makeEvents(options, 100);
  const bad = { ...events[37], data: options.badData ?? {} };
  const answer = await test.ingest(events.map((event, index) => (index === 37 ? bad : event)));
  assert.equal(answer.status, 200);
  assert.equal(answer.accepted, 99);
  assert.deepEqual(
    answer.rejected.map(({ index }) => index),
    [37],
  );
  assert.match(answer.rejected[0]?.reason ?? "", /^data/);
  assert.deepEqual(await storedIn(test, options), idsOf(events.filter((_, index) => index !== 37)));
}

export async function replay(test: TestKit, options: ConformanceOptions): Promise<void> {
  // Without ids: only the key stands between a replay and a second copy.
  const events = makeEvents(options, 5).map(({ id: _id, ...event }) => event);
  const first = await test.ingest(events, "conformance-replay");
  assert.equal((await test.ingest(events, "conformance-replay")).text, first.text);
  await test.reopen();
  assert.equal((await test.ingest(events, "conformance-replay")).text, first.text);
  assert.equal((await test.ingest(events.slice(1), "conformance-replay")).status, 422);
  assert.equal((await storedIn(test, options)).length, 5);
}

export async function replayAfterKill(options: ConformanceOptions): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-conformance-"));
  try {
    const events = makeEvents(options, 5).map(({ id: _id, ...event }) => event);
    const body = JSON.stringify({ events });
    const child = spawn(
      process.execPath,
      [...(options.childArgs ?? process.execArgv), "--input-type=module", "-e", killedChildSource(options.source)],
      {
        env: { ...process.env, CUITTY_TEST_DIR: dataDir, CUITTY_TEST_BODY: body },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
    const signal = await new Promise((resolve) => child.once("close", (_code, killedBy) => resolve(killedBy)));
    assert.equal(signal, "SIGKILL", "the child must be killed after the commit and before the answer");
    const { apiKey, projectId } = JSON.parse(printed) as { apiKey: string; projectId: string };
    const kit = (await createServerKit({
      dataDir,
      modules: [options.module()],
      minFreeBytes: 0,
      environment: {},
      runJobs: false,
    })) as ServerKit;
    try {
      const headers = {
        authorization: `Bearer ${apiKey}`,
        "content-type": "application/json",
        "x-cuitty-idempotency-key": "conformance-kill",
      };
      const response = await kit.fetch(new Request("http://kit.test/api/ingest", { method: "POST", body, headers }));
      assert.equal(await response.text(), '{"accepted":5,"rejected":[]}');
      assert.equal(response.headers.get("idempotency-replayed"), "true");
      assert.equal((await storedIds(kit, projectId, options.table)).length, 5);
    } finally {
      await kit.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

export async function retention(test: TestKit, options: ConformanceOptions): Promise<void> {
  const days = Math.max(...options.module().retention.map((rule) => rule.days), 0);
  await test.ingest(makeEvents(options, 20));
  // A module that keeps for ever by default must still prune when it is told to.
  const kept = days === 0 ? 36_500 : days;
  test.advance((kept - 1) * dayMs);
  await test.ingest(makeEvents(options, 3, 20));
  await test.kit.runTask("retention");
  const expected = days === 0 ? 23 : 20 + 3;
  assert.equal((await storedIn(test, options)).length, expected);
  test.advance(2 * dayMs);
  await test.kit.runTask("retention");
  assert.equal((await storedIn(test, options)).length, days === 0 ? 23 : 3);
}

export async function dumpAndLoad(test: TestKit, options: ConformanceOptions): Promise<void> {
  await test.ingest(makeEvents(options, 50));
  const before = await storedIn(test, options);
  assert.equal(before.length, 50);
  const folder = await mkdtemp(join(tmpdir(), "cuitty-backup-"));
  const restored = await mkdtemp(join(tmpdir(), "cuitty-restored-"));
  try {
    const writing = test.ingest(makeEvents(options, 50, 50));
    await test.kit.backup(folder);
    await writing;
    await restoreKit(folder, restored);
    const kit = (await createServerKit({
      dataDir: restored,
      modules: [options.module()],
      minFreeBytes: 0,
      environment: {},
      runJobs: false,
    })) as ServerKit;
    try {
      const after = await storedIds(kit, test.credentials.projectId, options.table);
      assert.deepEqual(after.slice(0, before.length), before);
    } finally {
      await kit.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(restored, { recursive: true, force: true });
  }
}

export async function cursorStability(test: TestKit, options: ConformanceOptions): Promise<void> {
  const first = makeEvents(options, 30);
  await test.ingest(first);
  const path = pathIn(test, listPathOf(options));
  const seen: unknown[] = [];
  let cursor: string | null = null;
  let round = 0;
  do {
    const { status, body } = await test.get(`${path}?limit=7${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
    assert.equal(status, 200, `expected a list at ${path}, got status ${status}; name the module's list in the option listPath`);
    const page = body as { events: { id: string }[]; nextCursor: string | null };
    assert.ok(
      Array.isArray(page.events),
      `expected a reply { events, nextCursor } of ${path}, got none; name another list in the option listPath`,
    );
    seen.push(...page.events.map(({ id }) => id));
    cursor = page.nextCursor;
    round += 1;
    await test.ingest(makeEvents(options, 3, 100 * round));
  } while (cursor !== null);
  assert.equal(new Set(seen).size, seen.length, "an event was shown twice");
  for (const id of idsOf(first)) assert.ok(seen.includes(id), `the event ${String(id)} was not shown`);
}

export async function streamOrder(test: TestKit, options: ConformanceOptions): Promise<void> {
  const events = makeEvents(options, 40);
  await test.ingest(events);
  const streamed: unknown[] = [];
  const [opened] = test.kit.modules.all;
  assert.ok(opened);
  for (const source of opened.definition.streams ?? []) {
    const rows = await source.page(opened.file, { projectId: test.credentials.projectId, afterSeq: 0, limit: 1_000 });
    streamed.push(...rows.map(({ id }) => id));
    const seqs = rows.map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => a - b),
    );
    for (const row of rows) assert.equal(typeof JSON.parse(row.dataJson), "object");
    const range = await source.range(opened.file, test.credentials.projectId);
    assert.deepEqual(range, { oldestSeq: seqs[0] ?? 0, newestSeq: seqs.at(-1) ?? 0 });
    assert.deepEqual(await source.page(opened.file, { projectId: "another", afterSeq: 0, limit: 10 }), []);
  }
  assert.deepEqual(streamed.sort(), [...idsOf(events)].sort(), "expected every event in a stream, once");
}

/** What a module does not have must not answer either. */
export async function isAbsent(test: TestKit, path: string): Promise<void> {
  const whole = pathIn(test, path);
  assert.equal((await test.get(whole)).status, 404, `expected nothing at ${whole}`);
}

export async function examples(test: TestKit, options: ConformanceOptions): Promise<void> {
  const first = options.event(0);
  const all = Object.entries(options.examples ?? { [first.type]: [first.data] });
  assert.notEqual(all.length, 0, "expected examples of some event type, got none; leave the option out to try the first of event()");
  for (const [type, list] of all) {
    assert.notEqual(list.length, 0, `expected examples of ${type}, got none`);
    const answer = await test.ingest(list.map((data) => ({ type, ts: new Date().toISOString(), data })));
    assert.deepEqual(answer.rejected, []);
    assert.equal(answer.accepted, list.length);
  }
}
