// The values of one query: which are fixed, which are filled in at each call, and with what encoder.
import { type DriverValueEncoder, is, Param, Placeholder } from "drizzle-orm";
import type { SqlValue } from "../../engine/driver.ts";

interface Slot {
  readonly index: number;
  readonly name: string;
  readonly encoder: DriverValueEncoder<unknown, unknown> | undefined;
}

/** Fills in the placeholders of one prepared query. */
export type ParameterFiller = (values: Record<string, unknown> | undefined) => SqlValue[];

/**
 * Compiled once for each prepared query. A placeholder that is given null stays null: Drizzle's own drivers hand it to the column's encoder,
 * which stores 0 for a boolean, the text `null` for JSON, and throws for a date.
 */
export function createParameterFiller(params: readonly unknown[]): ParameterFiller {
  const fixed = params.map(bindable);
  const slots: Slot[] = [];
  for (const [index, param] of params.entries()) {
    if (is(param, Placeholder)) slots.push({ index, name: param.name, encoder: undefined });
    else if (is(param, Param) && is(param.value, Placeholder)) slots.push({ index, name: param.value.name, encoder: param.encoder });
  }
  // A copy for each call: loggers may keep what they are shown.
  if (slots.length === 0) return () => fixed.slice() as SqlValue[];
  return (values = {}) => {
    const filled = fixed.slice();
    for (const { index, name, encoder } of slots) {
      if (!(name in values)) throw new Error(`No value for placeholder "${name}" was provided`);
      const value = values[name];
      filled[index] = bindable(encoder === undefined || value === null ? value : encoder.mapToDriverValue(value));
    }
    return filled as SqlValue[];
  };
}

/** SQLite has no booleans, and NULL for NaN, as under Drizzle's own drivers; everything else that it cannot hold is refused by the driver. */
function bindable(value: unknown): unknown {
  if (typeof value === "boolean") return Number(value);
  return Number.isNaN(value) ? null : value;
}
