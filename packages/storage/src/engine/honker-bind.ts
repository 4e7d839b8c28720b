// Parameters for Honker. Its binding speaks JSON: what does not survive that is rewritten into the SQL text, exactly.
import type { SqlValue } from "./driver.ts";
import { checkedParameter } from "./parameters.ts";
import { describeSql, type SqlParameter } from "./sql-text.ts";
import { strictNames } from "./strict-names.ts";

export interface BoundSql {
  readonly sql: string;
  readonly params: unknown[];
}

/** Whole numbers that the binding stores as INTEGER; all others become REAL. */
const isPlainInteger = (value: number): boolean => value >= -(2 ** 31) && value <= 2 ** 32 - 1 && !Object.is(value, -0);

/** A value as the binding takes it, or undefined when it has to stand in the text. */
function plain(value: SqlValue): string | number | null | undefined {
  if (value === null || typeof value === "string") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value) || Object.is(value, -0)) return undefined;
    return Number.isSafeInteger(value) && !isPlainInteger(value) ? undefined : value;
  }
  if (typeof value === "bigint") return value >= -(2n ** 31n) && value < 2n ** 32n ? Number(value) : undefined;
  return undefined;
}

const exactInteger = "(+CAST(? AS INTEGER))";

/** Text for a value that is no plain parameter; undefined for an integer, which travels as decimal text. */
function literal(value: SqlValue): string | undefined {
  if (value instanceof Uint8Array) return `x'${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}'`;
  if (Object.is(value, -0)) return "(-0.0)";
  if (value === Number.POSITIVE_INFINITY) return "(9e999)";
  if (value === Number.NEGATIVE_INFINITY) return "(-9e999)";
  return undefined;
}

/**
 * Prepares the rewriting of one SQL text. Integers beyond 32 bits become `(+CAST(? AS INTEGER))` with decimal text (the plus strips the column affinity
 * that a bare CAST would bring into comparisons); blobs, infinities and -0 become literals. Names are strict. Errors: `invalid_parameter`.
 */
export function createBinder(given: string): (params: readonly SqlValue[]) => BoundSql {
  const sql = strictNames(given);
  const { parameters } = describeSql(sql);
  // Each `?` in order: then positions need no thought, and a text with a cast integer can be used again.
  const isPositional = parameters.every(({ start, end, index }, position) => end - start === 1 && index === position);
  const texts = new Map<string, string>();
  return (params) => {
    const values = params.map(checkedParameter);
    const plainValues = values.map(plain);
    if (isPositional && !plainValues.includes(undefined)) return { sql, params: plainValues };
    return rewrite({ sql, parameters, texts }, values, plainValues);
  };
}

interface Template {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[];
  readonly texts: Map<string, string>;
}

function rewrite({ sql, parameters, texts }: Template, values: readonly SqlValue[], plainValues: readonly unknown[]): BoundSql {
  const params: unknown[] = [];
  const pieces: string[] = [];
  let shape = "";
  for (const { index } of parameters) {
    const value = values[index] as SqlValue;
    const text = plainValues[index] === undefined ? literal(value) : undefined;
    pieces.push(text ?? (plainValues[index] === undefined ? exactInteger : "?"));
    if (text === undefined) params.push(plainValues[index] === undefined ? String(value) : plainValues[index]);
    shape += text !== undefined ? "l" : plainValues[index] === undefined ? "i" : "p";
  }
  if (shape.includes("l")) return { sql: splice(sql, parameters, pieces), params };
  let known = texts.get(shape);
  if (known === undefined) {
    known = splice(sql, parameters, pieces);
    if (texts.size < 64) texts.set(shape, known);
  }
  return { sql: known, params };
}

function splice(sql: string, parameters: readonly SqlParameter[], pieces: readonly string[]): string {
  let text = "";
  let from = 0;
  for (const [position, { start, end }] of parameters.entries()) {
    text += sql.slice(from, start) + pieces[position];
    from = end;
  }
  return text + sql.slice(from);
}
