// One statement on the Honker engine: which connection runs it, how its parameters go in and its rows come out.

import type { NativeStatement } from "./connection-holder.ts";
import type { RunResult, SqlRow, SqlValue } from "./driver.ts";
import { createBinder } from "./honker-bind.ts";
import { createHonkerReader, type HonkerConnection, learnSchema, schemaVersion } from "./honker-reader.ts";
import { exactColumn, exactRows } from "./honker-rows.ts";
import { type ReturningSql, rewriteReturning } from "./returning.ts";
import type { SqlInfo } from "./sql-text.ts";
import { definitionCheck } from "./strict-names.ts";

const rowChanging = new Set(["INSERT", "REPLACE", "UPDATE", "DELETE"]);

/** Multi-column answers whose order the binding loses; SQLite documents it. */
const columnOrders: readonly (readonly [RegExp, string])[] = [
  [/^explain\s+query\s+plan\b/i, "id parent notused detail"],
  [/^explain\b/i, "addr opcode p1 p2 p3 p4 p5 comment"],
  [/^pragma\s+(?:\w+\.)?table_xinfo\b/i, "cid name type notnull dflt_value pk hidden"],
  [/^pragma\s+(?:\w+\.)?table_info\b/i, "cid name type notnull dflt_value pk"],
  [/^pragma\s+(?:\w+\.)?table_list\b/i, "schema name type ncol wr strict"],
  [/^pragma\s+(?:\w+\.)?index_list\b/i, "seq name unique origin partial"],
  [/^pragma\s+(?:\w+\.)?index_xinfo\b/i, "seqno cid name desc coll key"],
  [/^pragma\s+(?:\w+\.)?index_info\b/i, "seqno cid name"],
  [/^pragma\s+(?:\w+\.)?foreign_key_list\b/i, "id seq table from to on_update on_delete match"],
  [/^pragma\s+(?:\w+\.)?foreign_key_check\b/i, "table rowid parent fkid"],
  [/^pragma\s+(?:\w+\.)?wal_checkpoint\b/i, "busy log checkpointed"],
  [/^pragma\s+database_list\b/i, "seq name file"],
  [/^pragma\s+collation_list\b/i, "seq name"],
  [/^pragma\s+function_list\b/i, "name builtin type enc narg flags"],
];

/** Makes a statement. Nothing is sent before its first use. */
export function createHonkerStatement(connection: HonkerConnection, sql: string, info: SqlInfo): NativeStatement {
  const text = sql.slice(0, info.end);
  if (info.verb === "EXPLAIN" || info.kind !== "read") {
    const rewrite = () => rewriteReturning(text, { columnsOf: (table) => tableColumns(connection, table), toColumn: exactColumn });
    const returning = info.kind === "write" ? rewrite() : undefined;
    if (returning !== undefined) return createReturning(connection, returning, () => rewrite() ?? returning);
    return info.kind === "write" ? createWriter(connection, text, info.verb) : createOther(connection, text);
  }
  return createHonkerReader(connection, text);
}

function tableColumns(connection: HonkerConnection, table: string): string[] {
  learnSchema(connection.query);
  const rows = connection.query("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid", [table]);
  return rows.map(({ name }) => String(name));
}

function createWriter(connection: HonkerConnection, sql: string, verb: string): NativeStatement {
  const bind = createBinder(sql);
  const check = verb === "CREATE" ? definitionCheck(sql) : undefined;
  const inserts = verb === "INSERT" || verb === "REPLACE";
  const run = (params: readonly SqlValue[]): RunResult => {
    const bound = bind(params);
    if (check !== undefined) connection.query(check, []);
    // Before it runs: of several rows the first may be in when the second fails.
    if (inserts) connection.forgetRowid();
    const changed = connection.execute(bound.sql, bound.params);
    // After DDL the binding reports the count of the statement before.
    return {
      changes: rowChanging.has(verb) ? changed : 0,
      lastInsertRowid: connection.lastInsertRowid(),
    };
  };
  return {
    columns: () => [],
    run,
    all: (params) => {
      run(params);
      return [];
    },
    get: (params) => {
      run(params);
      return undefined;
    },
  };
}

function createReturning(connection: HonkerConnection, first: ReturningSql, rewrite: () => ReturningSql): NativeStatement {
  let returning = first;
  let bind = createBinder(first.sql);
  let version = first.hasStar ? schemaVersion(connection.query) : undefined;

  function follow(): void {
    const now = schemaVersion(connection.query);
    if (now === version) return;
    version = now;
    returning = rewrite();
    bind = createBinder(returning.sql);
  }
  const all = (params: readonly SqlValue[]): SqlRow[] => {
    // The columns of a `*` are those that the table has now, not those it had when the statement was made.
    if (first.hasStar) follow();
    const bound = bind(params);
    connection.forgetRowid();
    return exactRows(connection.query(bound.sql, bound.params), returning.columns.length, "c");
  };
  return {
    columns: () => returning.columns,
    run: (params) => ({ changes: all(params).length, lastInsertRowid: connection.lastInsertRowid() }),
    all,
    get: (params) => all(params)[0],
  };
}

/** PRAGMA and EXPLAIN: rows cannot be wrapped. */
function createOther(connection: HonkerConnection, sql: string): NativeStatement {
  const bind = createBinder(sql);
  const order = columnOrders.find(([pattern]) => pattern.test(sql))?.[1].split(" ");
  let seen: readonly string[] = order ?? [];
  const all = (params: readonly SqlValue[]): SqlRow[] => {
    const bound = bind(params);
    const rows = connection.query(bound.sql, bound.params);
    seen = order ?? Object.keys(rows[0] ?? {});
    return rows.map((row) => seen.map((name) => (row[name] ?? null) as SqlValue));
  };
  return {
    columns: () => {
      if (seen.length === 0) all([]);
      return seen;
    },
    run: (params) => {
      all(params);
      return { changes: 0, lastInsertRowid: connection.lastInsertRowid() };
    },
    all,
    get: (params) => all(params)[0],
  };
}
