// Rows of a SELECT on the Honker engine: counted, asked for in the fastest form that loses nothing, named only when someone asks.
import type { NativeStatement } from "./connection-holder.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { createBinder } from "./honker-bind.ts";
import type { HonkerRow } from "./honker-native.ts";
import { exactRows, hasUnreadable, isJsonRefusal, jsonRows, maxJsonColumns, plainRows, type RowForm, rowsSql } from "./honker-rows.ts";
import { describeSql } from "./sql-text.ts";

/** What a statement needs of its connection. */
export interface HonkerConnection {
  /** Set when rows may only come from the read-only connection. */
  readonly isCommittedOnly?: boolean;
  /** Runs on the writer. */
  query(sql: string, params: unknown[]): HonkerRow[];
  execute(sql: string, params: unknown[]): number;
  /** Runs on the read-only connection when no transaction is open, else on the writer, which alone sees its rows. */
  read(sql: string, params: unknown[]): HonkerRow[];
  /** Rowid of the last insert; asked of SQLite again after `forgetRowid`. */
  lastInsertRowid(): number | bigint;
  /** To be called when what has just run, or failed, may have inserted. */
  forgetRowid(): void;
}

/** A connection compiles against the schema it knows, and learns of another process's changes when it runs something. */
export const learnSchema = (query: HonkerConnection["query"]): unknown => query("SELECT 1 FROM sqlite_master LIMIT 1", []);

/** Changes with the schema, whoever changes it. */
export const schemaVersion = (query: HonkerConnection["query"]): unknown => query("PRAGMA schema_version", [])[0]?.schema_version;

/** Functions that read or change the writer's own state, or write. */
const onWriter = /\b(?:changes|total_changes|last_insert_rowid|notify|honker_\w+)\s*\(/i;

/** Makes a reading statement. Nothing is sent before its first use. */
export function createHonkerReader(connection: HonkerConnection, sql: string): NativeStatement {
  const isOnWriter = connection.isCommittedOnly !== true && onWriter.test(sql);
  const query = isOnWriter ? connection.query : connection.read;
  let plan: ReaderPlan | undefined;
  let names: readonly string[] | undefined;
  let namedAt: unknown;
  let schemaChanges = 0;

  function read(params: readonly SqlValue[], isFirst: boolean): SqlRow[] {
    const reading = { sql, query, params, isFirst };
    if (isOnWriter) connection.forgetRowid();
    try {
      plan ??= createPlan(connection, sql, { isOnWriter, attempt: 0 });
      return readRows(plan, reading);
    } catch (error) {
      // The schema has changed under `SELECT *`: the columns are counted anew, once.
      if (plan === undefined || !/has \d+ values for \d+ columns/.test(String((error as Error).message))) throw error;
      schemaChanges++;
      // The columns are counted on the writer.
      learnSchema(query);
      learnSchema(connection.query);
      plan = createPlan(connection, sql, { isOnWriter, attempt: schemaChanges });
      return readRows(plan, reading);
    }
  }
  return {
    columns: () => {
      // As many columns may have other names now, which no row tells.
      const version = schemaVersion(query);
      if (names === undefined || version !== namedAt) names = columnNames(connection, sql);
      namedAt = version;
      return names;
    },
    run: (params) => {
      read(params, false);
      return { changes: 0, lastInsertRowid: connection.lastInsertRowid() };
    },
    all: (params) => read(params, false),
    get: (params) => read(params, true)[0],
  };
}

interface ReaderPlan {
  readonly keys: readonly string[];
  readonly isStored: boolean;
  readonly binders: Map<string, Binder>;
  /** A statement that has needed a slower form goes on with it. */
  form: RowForm;
  /** Set once an answer in the plain form had an empty text that is one. */
  hasEmptyText: boolean;
}

type Binder = ReturnType<typeof createBinder>;

function createPlan(
  connection: HonkerConnection,
  sql: string,
  { isOnWriter, attempt }: { isOnWriter: boolean; attempt: number },
): ReaderPlan {
  const { count, makesJson } = examine(connection, sql, attempt);
  const keys = Array.from({ length: count }, (_, index) => `c${index}`);
  // A function that writes must run once, so the form that never has to be repeated is used.
  const form = isOnWriter ? "bytes" : count > maxJsonColumns ? "plain" : "json";
  return { keys, isStored: isOnWriter || makesJson, binders: new Map(), form, hasEmptyText: false };
}

interface Reading {
  readonly sql: string;
  readonly query: HonkerConnection["query"];
  readonly params: readonly SqlValue[];
  readonly isFirst: boolean;
}

function readRows(plan: ReaderPlan, { sql, query, params, isFirst }: Reading): SqlRow[] {
  const ask = (form: RowForm): HonkerRow[] => {
    const name = isFirst ? `${form} first` : form;
    let bind = plan.binders.get(name);
    if (bind === undefined) {
      bind = createBinder(rowsSql(sql, form, { count: plan.keys.length, isFirst, isStored: plan.isStored }));
      plan.binders.set(name, bind);
    }
    const bound = bind(params);
    return query(bound.sql, bound.params);
  };
  const count = plan.keys.length;
  const asBytes = () => exactRows(ask("bytes"), count, "v");
  if (plan.form === "json") {
    const rows = askJson(() => ask("json"));
    if (rows !== undefined) return rows === "unreadable" ? asBytes() : rows;
    plan.form = "plain";
  }
  if (plan.form === "plain") {
    const rows = plainRows(ask("plain"), plan.keys);
    if (rows !== undefined) return plan.hasEmptyText || !rows.some((row) => row.includes("")) ? rows : readAgain(plan, rows, asBytes);
    plan.form = "exact";
  }
  if (plan.form === "bytes") return asBytes();
  const rows = ask("exact");
  return hasUnreadable(rows, count) ? asBytes() : exactRows(rows, count, "v");
}

/** An empty text is what the binding makes of text that it cannot read. Asked once for each statement: empty texts are common, and damage is not. */
function readAgain(plan: ReaderPlan, rows: SqlRow[], asBytes: () => SqlRow[]): SqlRow[] {
  const read = asBytes();
  const empty = (some: readonly SqlRow[]) => some.reduce((sum, row) => sum + row.filter((value) => value === "").length, 0);
  if (empty(read) === empty(rows)) plan.hasEmptyText = true;
  return read;
}

function askJson(ask: () => HonkerRow[]): ReturnType<typeof jsonRows> {
  try {
    return jsonRows(ask());
  } catch (error) {
    if (isJsonRefusal(error)) return undefined;
    throw error;
  }
}

/** JSON functions, also those inside of views; a virtual table (json_each) hands out what its own make. */
const jsonStep = /^(?:json|->)/i;

/**
 * The compiled statement's ResultRow instruction says how many columns it has, its function calls whether it can make JSON.
 * A cached EXPLAIN never notices a new schema, so each attempt has its own text.
 */
function examine(connection: HonkerConnection, sql: string, attempt: number): { count: number; makesJson: boolean } {
  const params = new Array<null>(describeSql(sql).parameterCount).fill(null);
  const steps = connection.query(`EXPLAIN ${sql}${attempt === 0 ? "" : `\n-- ${attempt}`}`, params);
  return {
    count: Number(steps.find(({ opcode }) => opcode === "ResultRow")?.p2 ?? 0),
    makesJson: steps.some(({ opcode, p4 }) => opcode === "VOpen" || jsonStep.test(String(p4))),
  };
}

/** The binding tells no names. A view has them, numbered apart where they are equal ("a", "a:1"); it takes no parameters, and names do not depend on them. */
function columnNames(connection: HonkerConnection, sql: string): readonly string[] {
  let text = "";
  let from = 0;
  for (const { start, end } of describeSql(sql).parameters) {
    text += `${sql.slice(from, start)}NULL`;
    from = end;
  }
  learnSchema(connection.query);
  connection.execute(`CREATE TEMP VIEW "_cuitty_names" AS ${text}${sql.slice(from)}`, []);
  try {
    const names = connection
      .query("SELECT name FROM pragma_table_info('_cuitty_names', 'temp') ORDER BY cid", [])
      .map(({ name }) => String(name));
    return names.map((name, index) => (names.indexOf(name.replace(/:\d+$/, "")) < index ? name.replace(/:\d+$/, "") : name));
  } finally {
    connection.execute('DROP VIEW temp."_cuitty_names"', []);
  }
}
