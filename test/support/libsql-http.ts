// A libSQL server for tests: Hrana over HTTP (/v2/pipeline, JSON) on a local file, with faults that a network has.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Database from "libsql";

type HranaValue =
  | { type: "null" }
  | { type: "integer" | "text"; value: string }
  | { type: "float"; value: number }
  | { type: "blob"; base64: string };
type Native = InstanceType<typeof Database>;

interface Stmt {
  readonly sql?: string;
  readonly sql_id?: number;
  readonly args?: HranaValue[];
  readonly want_rows?: boolean;
}

type Condition =
  | { type: "ok" | "error"; step: number }
  | { type: "not"; cond: Condition }
  | { type: "and" | "or"; conds: Condition[] }
  | { type: "is_autocommit" };

interface PipelineRequest {
  readonly type: string;
  readonly sql?: string;
  readonly sql_id?: number;
  readonly stmt?: Stmt;
  readonly batch?: { steps: { condition?: Condition | null; stmt: Stmt }[] };
}

interface Stream {
  readonly database: Native;
  readonly texts: Map<number, string>;
}

export interface LibsqlHttp {
  readonly url: string;
  /** Requests answered or dropped so far. */
  readonly requests: number;
  /** What to do with the next pipelines: run it and lose the reply, or answer as an overloaded server. */
  fault: "none" | "lose-reply" | "unavailable";
  close(): Promise<void>;
}

/** Starts the server on a free loopback port. With a `token`, others are refused with 401. */
export async function startLibsqlHttp(path: string, token?: string): Promise<LibsqlHttp> {
  const streams = new Map<string, Stream>();
  const state = { fault: "none" as LibsqlHttp["fault"], requests: 0 };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => reply(response, 500, { message: String(error) }));
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    state.requests++;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return reply(response, 401, { message: "unauthorized" });
    if (request.url === "/v2" || request.url === "/v3") return reply(response, request.url === "/v2" ? 200 : 404, {});
    if (request.url !== "/v2/pipeline") return reply(response, 404, { message: "not found" });
    if (state.fault === "unavailable") return reply(response, 503, { message: "overloaded" });
    const answer = runPipeline(JSON.parse(Buffer.concat(chunks).toString("utf8")) as { baton: string | null; requests: PipelineRequest[] });
    if (state.fault === "lose-reply") {
      request.socket.destroy();
      return;
    }
    reply(response, 200, answer);
  }

  function runPipeline({ baton, requests }: { baton: string | null; requests: PipelineRequest[] }): object {
    const stream = (baton === null ? undefined : streams.get(baton)) ?? openStream(path);
    if (baton !== null) streams.delete(baton);
    let isOpen = true;
    const results = requests.map((request) => {
      if (request.type === "close") {
        if (stream.database.inTransaction) stream.database.exec("ROLLBACK");
        stream.database.close();
        isOpen = false;
        return { type: "ok", response: { type: "close" } };
      }
      try {
        return { type: "ok", response: { type: request.type, ...runRequest(stream, request) } };
      } catch (error) {
        return { type: "error", error: hranaError(error) };
      }
    });
    const next = isOpen ? randomBytes(8).toString("hex") : null;
    if (next !== null) streams.set(next, stream);
    return { baton: next, base_url: null, results };
  }

  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return state.requests;
    },
    get fault() {
      return state.fault;
    },
    set fault(value) {
      state.fault = value;
    },
    async close() {
      for (const { database } of streams.values()) database.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function openStream(path: string): Stream {
  const database = new Database(path, { timeout: 0 });
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA foreign_keys = ON");
  return { database, texts: new Map() };
}

function runRequest(stream: Stream, request: PipelineRequest): object {
  switch (request.type) {
    case "execute":
      return { result: execute(stream, request.stmt as Stmt) };
    case "batch":
      return { result: batch(stream, request.batch?.steps ?? []) };
    case "sequence":
      stream.database.exec(request.sql ?? (stream.texts.get(request.sql_id as number) as string));
      return {};
    case "store_sql":
      stream.texts.set(request.sql_id as number, request.sql as string);
      return {};
    case "close_sql":
      stream.texts.delete(request.sql_id as number);
      return {};
    case "get_autocommit":
      return { is_autocommit: !stream.database.inTransaction };
    default:
      throw new Error(`the stand-in does not know ${request.type}`);
  }
}

function execute({ database, texts }: Stream, stmt: Stmt): object {
  const sql = stmt.sql ?? (texts.get(stmt.sql_id as number) as string);
  // BEGIN and COMMIT by exec: a prepared one that meets a lock spoils the connection.
  if (/^\s*(?:begin|commit|rollback)/i.test(sql)) {
    database.exec(sql);
    return { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null };
  }
  const statement = database.prepare(sql).safeIntegers(true) as unknown as {
    reader: boolean;
    raw(on: boolean): void;
    columns(): { name: string; type: string | null }[];
    all(args: unknown[]): unknown[][];
    run(args: unknown[]): { changes: number; lastInsertRowid: number };
  };
  const args = (stmt.args ?? []).map(fromHrana);
  if (!statement.reader) {
    const { changes, lastInsertRowid } = statement.run(args);
    return { cols: [], rows: [], affected_row_count: changes, last_insert_rowid: String(lastInsertRowid) };
  }
  statement.raw(true);
  const rows = statement.all(args);
  const cols = statement.columns().map(({ name, type }) => ({ name, decltype: type }));
  return { cols, rows: rows.map((row) => row.map(toHrana)), affected_row_count: 0, last_insert_rowid: null };
}

function batch(stream: Stream, steps: readonly { condition?: Condition | null; stmt: Stmt }[]): object {
  const results: (object | null)[] = [];
  const errors: (object | null)[] = [];
  const holds = (condition: Condition): boolean => {
    if (condition.type === "ok") return results[condition.step] !== null && results[condition.step] !== undefined;
    if (condition.type === "error") return errors[condition.step] !== null && errors[condition.step] !== undefined;
    if (condition.type === "not") return !holds(condition.cond);
    if (condition.type === "and") return condition.conds.every(holds);
    if (condition.type === "or") return condition.conds.some(holds);
    return !stream.database.inTransaction;
  };
  for (const { condition, stmt } of steps) {
    let result: object | null = null;
    let failure: object | null = null;
    try {
      if (condition === undefined || condition === null || holds(condition)) result = execute(stream, stmt);
    } catch (error) {
      failure = hranaError(error);
    }
    results.push(result);
    errors.push(failure);
  }
  return { step_results: results, step_errors: errors };
}

function hranaError(error: unknown): object {
  const { message, code } = error as { message: string; code?: string };
  return { message: `SQLite error: ${message}`, code: code ?? "UNKNOWN" };
}

function fromHrana(value: HranaValue): unknown {
  if (value.type === "null") return null;
  if (value.type === "integer") return BigInt(value.value);
  if (value.type === "blob") return Buffer.from(value.base64, "base64");
  return value.value;
}

function toHrana(value: unknown): HranaValue {
  if (value === null) return { type: "null" };
  if (typeof value === "bigint") return { type: "integer", value: String(value) };
  if (typeof value === "number") return { type: "float", value };
  if (typeof value === "string") return { type: "text", value };
  return { type: "blob", base64: Buffer.from(value as Uint8Array).toString("base64") };
}
