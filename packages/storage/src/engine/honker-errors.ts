// Result codes that Honker's binding does not tell, found by asking the file about the message.
import { codeOfText } from "./errors.ts";
import type { HonkerTransaction } from "./honker-native.ts";

/** SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_TRIGGER. */
const primaryKeyCode = 1555;
const triggerCode = 1811;

/** RAISE takes a literal, so its text stands in the trigger; in single quotes, or as a name in others. */
const raising = `SELECT 1 FROM (SELECT type, sql FROM sqlite_master UNION ALL SELECT type, sql FROM sqlite_temp_master)
  WHERE type = 'trigger' AND sql LIKE '%raise%' AND (instr(sql, ?) OR instr(sql, ?) OR instr(sql, ?)) LIMIT 1`;

/** An error of the binding with the code that a broken primary key, or a RAISE, has on other engines. */
export function withCode(lease: HonkerTransaction, error: unknown): unknown {
  const message = String((error as Error).message);
  try {
    if (isPrimaryKey(lease, message)) return Object.assign(error as object, { rawCode: primaryKeyCode });
    if (codeOfText(message) === undefined && isRaised(lease, message)) return Object.assign(error as object, { rawCode: triggerCode });
  } catch {
    // reason: the connection cannot read any more; what happened first is the error to tell
  }
  return error;
}

/** The message of a broken primary key is that of any unique rule; its columns tell them apart. */
function isPrimaryKey(lease: HonkerTransaction, message: string): boolean {
  const list = /^UNIQUE constraint failed: (.+)$/.exec(message)?.[1];
  if (list === undefined) return false;
  const table = list.slice(0, list.indexOf("."));
  const key = lease
    .query("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", [table])
    .map(({ name }) => `${table}.${String(name)}`);
  return key.join(", ") === list;
}

function isRaised(lease: HonkerTransaction, message: string): boolean {
  const written = ["'", '"', "`"].map((quote) => quote + message.replaceAll(quote, quote + quote) + quote);
  return lease.query(raising, written).length > 0;
}
