// Grouped module-file writes against what one would write by hand: better-sqlite3, one transaction a request, the same tables, inbox and FULL.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ModuleFile, openModuleFile } from "@cuitty/storage/module-file";
import Database, { type Database as BetterSqlite } from "better-sqlite3";

/** Our requests a second over theirs, at least. */
export const WRITE_FLOOR = 1.6;
/** Requests that are open at the same time. */
const concurrency = 16;
const rowsPerRequest = 100;

const ddl = [
  "CREATE TABLE logs (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, project TEXT NOT NULL, ts INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, meta TEXT NOT NULL, UNIQUE (project, id))",
  "CREATE INDEX logs_by_time ON logs (project, ts)",
];
const columns = ["id", "project", "ts", "level", "message", "meta"] as const;
type Row = [string, string, number, string, string, string];

interface BatchRequest {
  readonly key: string;
  readonly fingerprint: Uint8Array;
  readonly rows: readonly Row[];
}

/** Time-ordered ids, as the kit's clients make them. */
function makeRequest(side: string, n: number): BatchRequest {
  const rows = Array.from({ length: rowsPerRequest }, (_, index): Row => {
    const at = 1_760_000_000_000 + n * rowsPerRequest + index;
    const meta = JSON.stringify({
      user: `user-${index}`,
      path: `/orders/${n}/${index}`,
      durationMs: index,
      trace: "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    return [
      `${at.toString(16)}-${side}-${index}`,
      "project-1",
      at,
      index % 10 === 0 ? "error" : "info",
      `GET /orders/${n} answered in ${index} ms`,
      meta,
    ];
  });
  return { key: `${side}-${n}`, fingerprint: createHash("sha256").update(`${side}${n}`).digest(), rows };
}

interface Side {
  /** Writes all requests, `concurrency` of them open at a time. */
  writeAll(requests: readonly BatchRequest[]): Promise<void>;
  count(): Promise<number>;
  close(): Promise<void>;
}

async function kit(folder: string): Promise<Side> {
  const file: ModuleFile = await openModuleFile({
    location: join(folder, "kit.db"),
    migrations: [{ version: 1, name: "logs", statements: ddl }],
  });
  const write = async ({ key, fingerprint, rows }: BatchRequest) => {
    const statements = [{ table: "logs", columns, rows, onConflict: "ignore" as const }];
    await file.write({
      projectId: "project-1",
      idempotencyKey: key,
      fingerprint,
      note: `{"n":${rows.length}}`,
      statements,
      nowMs: Date.now(),
    });
  };
  return {
    async writeAll(requests) {
      let next = 0;
      const worker = async () => {
        for (let request = requests[next++]; request !== undefined; request = requests[next++]) await write(request);
      };
      await Promise.all(Array.from({ length: concurrency }, worker));
    },
    count: async () => Number((await file.all("SELECT count(*) FROM logs"))[0]?.[0]),
    close: () => file.close(),
  };
}

async function byHand(folder: string): Promise<Side> {
  const database: BetterSqlite = new Database(join(folder, "by-hand.db"));
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]) database.pragma(pragma);
  for (const statement of ddl) database.exec(statement);
  database.exec(
    "CREATE TABLE _inbox (project TEXT NOT NULL, key TEXT NOT NULL, fp BLOB, accepted INTEGER NOT NULL, duplicate INTEGER NOT NULL, note TEXT, at INTEGER NOT NULL, PRIMARY KEY (project, key)) WITHOUT ROWID; CREATE INDEX _inbox_at ON _inbox (at)",
  );
  const inbox = database.prepare("INSERT INTO _inbox VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT DO NOTHING");
  const insert = database.prepare(`INSERT INTO logs (${columns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`);
  const write = database.transaction(({ key, fingerprint, rows }: BatchRequest) => {
    if (inbox.run("project-1", key, fingerprint, rows.length, `{"n":${rows.length}}`, Date.now()).changes === 0) return;
    for (const row of rows) insert.run(...row);
  });
  return {
    async writeAll(requests) {
      for (const request of requests) {
        write.immediate(request);
        // A server answers between two requests; the loop has to turn here as well.
        await Promise.resolve();
      }
    },
    count: async () => Number(database.prepare("SELECT count(*) FROM logs").pluck().get()),
    close: async () => {
      database.close();
    },
  };
}

export interface WriteResult {
  readonly kitPerSecond: number;
  readonly byHandPerSecond: number;
  /** Median of the rounds' own ratios. */
  readonly ratio: number;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

async function timed(side: Side, requests: readonly BatchRequest[]): Promise<number> {
  globalThis.gc?.();
  const start = performance.now();
  await side.writeAll(requests);
  return (requests.length / (performance.now() - start)) * 1_000;
}

/** Interleaved rounds, who goes first changing. */
export async function measureWrites(rounds: number, requestsPerRound: number): Promise<WriteResult> {
  const folder = mkdtempSync(join(tmpdir(), "cuitty-bench-writes-"));
  const sides = { kit: await kit(folder), byHand: await byHand(folder) };
  const speeds: { kit: number[]; byHand: number[] } = { kit: [], byHand: [] };
  try {
    for (let round = -1; round < rounds; round++) {
      const order = round % 2 === 0 ? (["kit", "byHand"] as const) : (["byHand", "kit"] as const);
      for (const name of order) {
        const requests = Array.from({ length: requestsPerRound }, (_, n) => makeRequest(name, (round + 1) * requestsPerRound + n));
        const speed = await timed(sides[name], requests);
        // The first round warms up.
        if (round >= 0) speeds[name].push(speed);
      }
    }
    const [ours, theirs] = [await sides.kit.count(), await sides.byHand.count()];
    if (ours !== theirs || ours !== (rounds + 1) * requestsPerRound * rowsPerRequest) throw new Error(`rows differ: ${ours} and ${theirs}`);
  } finally {
    await sides.kit.close();
    await sides.byHand.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    kitPerSecond: median(speeds.kit),
    byHandPerSecond: median(speeds.byHand),
    ratio: median(speeds.kit.map((speed, index) => speed / (speeds.byHand[index] as number))),
  };
}
