// `json(schema)`: a JSON column that is typed, written and checked by one TypeBox schema.

import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Column } from "drizzle-orm";
import { customType } from "drizzle-orm/sqlite-core";

const attached = Symbol.for("cuitty.storage.json-schema");

interface WithSchema {
  readonly [attached]?: TSchema;
}

/** Any JSON value; refuses dates, bytes, NaN and undefined, which JSON would change or lose. */
export const JsonValue = Type.Recursive(
  (This) => Type.Union([Type.Null(), Type.Boolean(), Type.Number(), Type.String(), Type.Array(This), Type.Record(Type.String(), This)]),
  { $id: "json-value" },
);

/**
 * A text column of JSON: `limits: json("limits", Type.Object({ … }))`. Values are checked before they are written;
 * what is stored is trusted, so that older rows stay readable.
 * Errors: `validation` with the path of the first difference.
 */
export function json<TValue extends TSchema>(name: string, schema: TValue) {
  const toDriver = (value: Static<TValue>): string => {
    assertMatches(schema, value, `column ${name}`);
    return JSON.stringify(value);
  };
  return customType<{ data: Static<TValue>; driverData: string }>({
    dataType: () => "text",
    toDriver: Object.assign(toDriver, { [attached]: schema }),
    fromDriver: (text) => JSON.parse(text) as Static<TValue>,
  })(name);
}

/** The schema of a `json(schema)` column. */
export function jsonSchemaOf(column: Column): TSchema | undefined {
  return (column as { mapTo?: WithSchema }).mapTo?.[attached];
}

/** Throws `validation` for a value that does not match; the message names the place and never the value. */
export function assertMatches(schema: TSchema, value: unknown, what: string): void {
  if (Value.Check(schema, value)) return;
  const first = Value.Errors(schema, value).First();
  const path = first?.path ?? "";
  throw new CuittyError(
    "validation",
    `Expected ${what} to match its schema, got a difference at ${path === "" ? "the top" : path}: ${first?.message ?? "no match"}.`,
    {
      details: { path, expected: first?.message ?? "a match" },
    },
  );
}
