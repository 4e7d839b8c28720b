// Turns rows of raw values into what Drizzle promises: nested objects, decoded columns, null for a joined table without a match.
import { Column, getTableName, is, SQL, Subquery } from "drizzle-orm";
import type { SelectedFieldsOrdered } from "drizzle-orm/sqlite-core";
import type { SqlRow, SqlValue } from "../../engine/driver.ts";

/** Which joined tables always have a row; Drizzle sets it on a prepared select. */
export type JoinsNotNullableMap = Record<string, boolean> | undefined;

type Decoder = { mapFromDriverValue(value: unknown): unknown };
type Mapped = Record<string, unknown>;

interface FieldPlan {
  readonly path: readonly string[];
  readonly last: string;
  readonly index: number;
  /** Undefined where decoding changes nothing. */
  readonly decoder: Decoder | undefined;
  /** Table whose nullness this column witnesses; only for columns of `{ table: { column } }` selections. */
  readonly table: string | undefined;
}

/**
 * A mapper for one prepared query, compiled once. Same results as Drizzle's own row mapping,
 * which looks every decoder up again for every value.
 */
export function createRowMapper(fields: SelectedFieldsOrdered, joins: JoinsNotNullableMap): (row: SqlRow) => Mapped {
  const plans = fields.map(({ path, field }, index) => planField(path, field, index));
  if (plans.every((plan) => plan.path.length === 1)) return (row) => mapFlat(plans, row);
  return (row) => mapNested(plans, row, joins);
}

function planField(path: readonly string[], field: SelectedFieldsOrdered[number]["field"], index: number): FieldPlan {
  const table = is(field, Column) && path.length === 2 ? getTableName(field.table) : undefined;
  return { path, last: path[path.length - 1]!, index, decoder: decoderOf(field), table };
}

const identityDecoder = Column.prototype.mapFromDriverValue;

function decoderOf(field: SelectedFieldsOrdered[number]["field"]): Decoder | undefined {
  if (is(field, Column)) return field.mapFromDriverValue === identityDecoder ? undefined : (field as Decoder);
  // `decoder` and `_.sql` are there at run time and stripped from Drizzle's declarations.
  if (is(field, SQL)) return (field as unknown as { decoder: Decoder }).decoder;
  if (is(field, Subquery)) return (field._.sql as unknown as { decoder: Decoder }).decoder;
  return (field as unknown as { sql: { decoder: Decoder } }).sql.decoder;
}

function decode(plan: FieldPlan, value: SqlValue | undefined): unknown {
  if (value === null || value === undefined) return null;
  return plan.decoder === undefined ? value : plan.decoder.mapFromDriverValue(value);
}

function mapFlat(plans: readonly FieldPlan[], row: SqlRow): Mapped {
  const result: Mapped = {};
  for (const plan of plans) result[plan.last] = decode(plan, row[plan.index]);
  return result;
}

function mapNested(plans: readonly FieldPlan[], row: SqlRow, joins: JoinsNotNullableMap): Mapped {
  const result: Mapped = {};
  // For each joined object: the table that may have had no row, or false.
  const absent = new Map<string, string | false>();
  for (const plan of plans) {
    const value = decode(plan, row[plan.index]);
    objectAt(result, plan.path)[plan.last] = value;
    if (joins === undefined || plan.table === undefined) continue;
    const name = plan.path[0]!;
    const known = absent.get(name);
    if (known === undefined) absent.set(name, value === null ? plan.table : false);
    // As in Drizzle: the object's first column decides, and columns of two tables in one object keep it.
    else if (known !== plan.table) absent.set(name, false);
  }
  for (const [name, table] of absent) {
    if (table !== false && joins?.[table] !== true) result[name] = null;
  }
  return result;
}

/** The object that holds the last part of `path`, made where it is missing. */
function objectAt(root: Mapped, path: readonly string[]): Mapped {
  let node = root;
  for (let depth = 0; depth < path.length - 1; depth++) {
    const name = path[depth]!;
    node[name] ??= {};
    node = node[name] as Mapped;
  }
  return node;
}

/** A row as an object by column name; of same-named columns the last one stays, as in every SQLite library. */
export function rowToObject(columns: readonly string[], row: SqlRow): Mapped {
  const result: Mapped = {};
  for (let index = 0; index < columns.length; index++) {
    const name = columns[index]!;
    if (name === "__proto__")
      Object.defineProperty(result, name, { value: row[index], enumerable: true, configurable: true, writable: true });
    else result[name] = row[index];
  }
  return result;
}
