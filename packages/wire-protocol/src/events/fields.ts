// Building blocks of the event schemas: the few kinds of field that the wire knows.
import { type TObject, type TUnsafe, Type } from "@sinclair/typebox";

/** A string that identifies something and so may not be empty. */
export const identifier = (description: string) => Type.String({ minLength: 1, description });

/** Any string, the empty one too. */
export const text = (description: string) => Type.String({ description });

export const number = (description: string) => Type.Number({ description });

export const integer = (description: string) => Type.Integer({ description });

/**
 * An object with any keys. `Type.Record` would test every key against a pattern, on the hottest path of the server,
 * and says nothing more.
 */
export const openObject = (description: string): TUnsafe<Record<string, unknown>> =>
  Type.Unsafe<Record<string, unknown>>(Type.Object({}, { description }));

/** An object with any keys whose values are finite numbers. */
export const numberMap = (description: string): TUnsafe<Record<string, number>> =>
  Type.Unsafe<Record<string, number>>(Type.Object({}, { additionalProperties: Type.Number(), description }));

/** An object with any keys whose values are strings. */
export const stringMap = (description: string): TUnsafe<Record<string, string>> =>
  Type.Unsafe<Record<string, string>>(Type.Object({}, { additionalProperties: Type.String(), description }));

export const listOf = <Item extends TObject | ReturnType<typeof openObject> | ReturnType<typeof text>>(item: Item, description: string) =>
  Type.Array(item, { description });

/** The trace a record belongs to, on every type that can be part of one. */
export const traceContext = {
  traceId: Type.Optional(text("Trace this belongs to.")),
  spanId: Type.Optional(text("Span this belongs to.")),
};
