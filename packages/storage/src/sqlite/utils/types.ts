// The types of generated schemas: a TypeBox object whose static type is the row that Drizzle infers.
import type { TSchema } from "@sinclair/typebox";
import type { InferInsertModel, InferSelectModel } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";

/** What rows look like in the program: Date, Uint8Array, bigint. */
export type RuntimeForm = "runtime";
/** What rows look like in JSON: date-time, base64url and decimal strings. */
export type WireForm = "wire";
export type Form = RuntimeForm | WireForm;

export type SchemaKind = "select" | "insert" | "update";

/** A value as JSON carries it. */
export type Wire<T> = T extends Date | Uint8Array | bigint ? string : T;
/** A row as JSON has it: times and bytes as text. */
export type WireRow<TRow> = { [K in keyof TRow]: Wire<TRow[K]> };

/** A closed TypeBox object with `$id`; `Static<typeof schema>` is `TRow`. */
export type RowSchema<TRow> = TSchema & {
  readonly $id: string;
  readonly type: "object";
  readonly additionalProperties: false;
  readonly static: TRow;
  readonly properties: { readonly [K in keyof TRow]-?: TSchema };
};

/** A row as it is read. */
export type SelectRow<TTable extends SQLiteTable> = InferSelectModel<TTable>;
/** A row as it is inserted: columns with a default may be left out. */
export type InsertRow<TTable extends SQLiteTable> = InferInsertModel<TTable>;

type PrimaryKeys<TTable extends SQLiteTable> = {
  [K in keyof TTable["_"]["columns"]]: TTable["_"]["columns"][K]["_"]["isPrimaryKey"] extends true ? K : never;
}[keyof TTable["_"]["columns"]];

/** Everything that may change: all columns but the primary key, each optional. */
export type UpdateRow<TTable extends SQLiteTable> = Partial<Omit<InferInsertModel<TTable>, PrimaryKeys<TTable>>>;

/** A schema in the place of a column's own, or a function that makes one of it; before null and absence are added. */
export type Refinements<TTable extends SQLiteTable> = {
  readonly [K in keyof TTable["_"]["columns"]]?: TSchema | ((own: TSchema) => TSchema);
};
