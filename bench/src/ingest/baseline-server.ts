// What one writes by hand: a Hono route and better-sqlite3, one transaction a request, durable, signed, idempotent, validated; the same tables.
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { performance as performanceModule } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { serve } from "@hono/node-server";
import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import Database from "better-sqlite3";
import { Hono } from "hono";
import { createInserters } from "./baseline-inserts.ts";

interface WireEvent {
  readonly type: string;
  readonly ts: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const db = new Database(join(process.argv[2] ?? "", "baseline.db"));
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
const modules = [logs(), performanceModule(), repository(), audit()];
for (const { migrations } of modules) for (const { statements } of migrations) for (const sql of statements) db.exec(sql);
db.exec(`CREATE TABLE _inbox (project TEXT NOT NULL, key TEXT NOT NULL, fp BLOB, accepted INTEGER NOT NULL, duplicate INTEGER NOT NULL,
  note TEXT, at INTEGER NOT NULL, PRIMARY KEY (project, key)) WITHOUT ROWID;
  CREATE INDEX _inbox_at ON _inbox (at);
  CREATE TABLE api_keys (key_hash TEXT PRIMARY KEY, project TEXT NOT NULL) WITHOUT ROWID`);

const apiKey = `sk_${randomBytes(24).toString("hex")}`;
const secret = `whsec_${randomBytes(24).toString("hex")}`;
// As long as the kit's: it is part of every index.
const project = `proj_${randomBytes(8).toString("hex")}`;
db.prepare("INSERT INTO api_keys VALUES (?, ?)").run(createHash("sha256").update(apiKey).digest("hex"), project);

const selectKey = db.prepare("SELECT project FROM api_keys WHERE key_hash = ?").pluck();
const insertInbox = db.prepare(
  "INSERT INTO _inbox (project, key, fp, accepted, duplicate, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
);
const selectInbox = db.prepare("SELECT fp, accepted FROM _inbox WHERE project = ? AND key = ?");
const checks = new Map(
  modules.flatMap(({ accepts }) => Object.entries(accepts).map(([type, schema]) => [type, TypeCompiler.Compile(schema as TSchema)])),
);
const { byType, finish } = createInserters(db);
const columns = "rowid, project, message";
if (process.env.SEARCH === "triggers") {
  db.exec(`CREATE TRIGGER logs_events_index AFTER INSERT ON logs_events BEGIN
    INSERT INTO logs_search (${columns}) VALUES (new.seq, hex(new.project_id), new.data ->> '$.message');
  END`);
}
const indexed = "(SELECT to_seq FROM logs_search_range)";
const indexing =
  process.env.SEARCH === "statement"
    ? [
        db.prepare(`INSERT INTO logs_search (${columns}) SELECT seq, project, message FROM logs_messages WHERE seq > ${indexed}`),
        db.prepare(`UPDATE logs_search_range SET to_seq = coalesce((SELECT max(seq) FROM logs_events), 0)`),
      ]
    : [];

const store = db.transaction((owner: string, key: string, fingerprint: Buffer, events: readonly WireEvent[]) => {
  const now = Date.now();
  if (insertInbox.run(owner, key, fingerprint, events.length, 0, now).changes === 0) {
    const known = selectInbox.get(owner, key) as { fp: Buffer; accepted: number };
    return known.fp.equals(fingerprint) ? known.accepted : -1;
  }
  let accepted = 0;
  for (const event of events) accepted += byType.get(event.type)?.(owner, event, now) ?? 0;
  finish(owner, now);
  for (const statement of indexing) statement.run();
  return accepted;
});

const app = new Hono();
app.post("/api/ingest", async (c) => {
  const bearer = c.req.header("authorization") ?? "";
  const owner = selectKey.get(createHash("sha256").update(bearer.slice(7)).digest("hex")) as string | undefined;
  if (!owner) return c.json({ error: "unauthorized" }, 401);
  const body = Buffer.from(await c.req.arrayBuffer());
  const given = Buffer.from(c.req.header("x-cuitty-signature") ?? "", "hex");
  const expected = createHmac("sha256", secret).update(body).digest();
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return c.json({ error: "signature" }, 403);
  const { events } = JSON.parse(body.toString("utf8")) as { events: WireEvent[] };
  const rejected: { index: number; reason: string }[] = [];
  const valid = events.filter((event, index) => {
    const isValid = checks.get(event.type)?.Check(event.data) === true && !Number.isNaN(Date.parse(event.ts));
    if (!isValid) rejected.push({ index, reason: "invalid" });
    return isValid;
  });
  const fingerprint = createHash("sha256").update(body).digest();
  const accepted = store.immediate(owner, c.req.header("x-cuitty-idempotency-key") ?? "", fingerprint, valid);
  if (accepted === -1) return c.json({ error: "key reused" }, 422);
  return c.json({ accepted, rejected });
});
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, (info: AddressInfo) => {
  process.send?.({ port: info.port, apiKey, secret });
});

process.on("message", (message) => {
  if (message === "usage") process.send?.({ ...process.cpuUsage(), rss: process.memoryUsage().rss });
  if (message !== "stop") return;
  server.close();
  (server as { closeAllConnections?: () => void }).closeAllConnections?.();
  db.close();
  process.exit(0);
});
