// Schemas of record collections: checked when written, raised to the current version when read.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { checkOptionsObject } from "./check.ts";

/** A TypeBox schema, or any JSON Schema object TypeBox made. */
export type RecordSchema = object;

/** What the records under one path look like. */
export interface CollectionOptions {
  /** A TypeBox schema. Fields it does not name are kept. */
  readonly schema: RecordSchema;
  /** Raised with each change of the schema. @default 1 */
  readonly version?: number | undefined;
  /** `upcasters[1]` turns a value of version 1 into version 2, and so on; run when an old record is read. */
  readonly upcasters?: Readonly<Record<number, Upcaster>> | undefined;
}

/** Turns a stored value of one version into the next one's. */
// biome-ignore lint/suspicious/noExplicitAny: reason: what an older release stored has whatever shape it had then, which the app names if it likes.
export type Upcaster = (value: any) => unknown;

/** Collections by the path they stand under: `users` holds `users/alice`. */
export type Collections = Readonly<Record<string, CollectionOptions>>;

export interface Schemas {
  /** Version to store with a record, or undefined outside every collection. Errors: `invalid_record`. */
  check(key: string, value: unknown): number | undefined;
  /** Refuses what `read` would refuse. Errors: `invalid_record`, `upcaster_missing`. */
  checkStored(key: string, value: unknown, version: number | undefined): void;
  /** The value at the current version. Errors: `invalid_record`, `upcaster_missing`. */
  read(key: string, value: unknown, version: number | undefined): unknown;
}

interface Checked {
  readonly prefix: string;
  readonly version: number;
  readonly upcasters: Readonly<Record<number, Upcaster>>;
  firstError(value: unknown): { readonly path: string; readonly message: string } | undefined;
}

const noSchemas: Schemas = { check: () => undefined, checkStored: () => undefined, read: (_key, value) => value };

/** Loads TypeBox only when there are collections. Errors: `missing_library`, `invalid_option`. */
export async function loadSchemas(collections: Collections | undefined): Promise<Schemas> {
  const named = Object.entries(collections ?? {});
  if (collections !== undefined && (typeof collections !== "object" || collections === null || Array.isArray(collections)))
    throw new CuittyError("invalid_option", "collections must be an object of collections by name");
  if (named.length === 0) return noSchemas;
  const compile = await (await import("./typebox.ts")).loadTypeBox();
  // The longest prefix first, so that `teams/members` wins over `teams`.
  const checked = named
    .map(([name, options]) => checkedCollection(name, options, compile))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const find = (key: string) => checked.find(({ prefix }) => key.startsWith(prefix));
  return {
    check(key, value) {
      const collection = find(key);
      if (!collection) return undefined;
      assertValid(collection, value);
      return collection.version;
    },
    checkStored(key, value, version = 1) {
      const collection = find(key);
      if (!collection) return;
      if (version === collection.version) assertValid(collection, value);
      else raise(collection, value, version);
    },
    read(key, value, version = 1) {
      const collection = find(key);
      return collection ? raise(collection, value, version) : value;
    },
  };
}

function checkedCollection(name: string, options: CollectionOptions, compile: (schema: RecordSchema) => Checked["firstError"]): Checked {
  checkOptionsObject(options, `collections.${name}`, ["schema", "version", "upcasters"]);
  const { schema, version = 1, upcasters = {} } = options;
  if (typeof schema !== "object" || schema === null) {
    throw new CuittyError("invalid_option", `collections.${name}.schema must be a TypeBox schema, got ${typeof schema}`);
  }
  if (!Number.isInteger(version) || version < 1) {
    throw new CuittyError("invalid_option", `collections.${name}.version must be a whole number of at least 1, got ${String(version)}`);
  }
  if (typeof upcasters !== "object" || upcasters === null || Object.values(upcasters).some((upcast) => typeof upcast !== "function"))
    throw new CuittyError("invalid_option", `collections.${name}.upcasters must be an object of functions by version`);
  return { prefix: `${name.replace(/\/+$/, "")}/`, version, upcasters, firstError: compiled(name, schema, compile) };
}

/** TypeBox knows its schemas by symbols, which a schema loses on its way through JSON. */
function compiled(name: string, schema: RecordSchema, compile: (schema: RecordSchema) => Checked["firstError"]): Checked["firstError"] {
  try {
    return compile(schema);
  } catch (cause) {
    throw new CuittyError(
      "invalid_option",
      `collections.${name}.schema cannot be compiled: it must be made by TypeBox's Type in this process; plain JSON Schema is none`,
      { cause },
    );
  }
}

function assertValid({ prefix, version, firstError }: Checked, value: unknown): void {
  const error = firstError(value);
  if (!error) return;
  const at = error.path === "" ? "the value" : error.path;
  throw new CuittyError("invalid_record", `a record of ${prefix} does not fit its schema (version ${version}): ${at}: ${error.message}`, {
    details: { collection: prefix.slice(0, -1), path: error.path },
  });
}

function upcastBy(upcast: Upcaster, value: unknown, { prefix, version }: { readonly prefix: string; readonly version: number }): unknown {
  try {
    return upcast(value);
  } catch (cause) {
    throw new CuittyError("invalid_record", `upcasters[${version}] of ${prefix} failed for a record; see \`cause\``, {
      details: { collection: prefix.slice(0, -1), version },
      cause,
    });
  }
}

/** A record of a newer version, written by a newer release of the app, is handed out as it is: nothing of it is lost. */
function raise(collection: Checked, value: unknown, from: number): unknown {
  if (from >= collection.version) return value;
  let raised = value;
  for (let version = from; version < collection.version; version++) {
    const upcast = collection.upcasters[version];
    if (!upcast) {
      throw new CuittyError(
        "upcaster_missing",
        `a record of ${collection.prefix} has version ${version}; give upcasters[${version}], which makes version ${version + 1} of it`,
      );
    }
    raised = upcastBy(upcast, raised, { prefix: collection.prefix, version });
  }
  assertValid(collection, raised);
  return raised;
}
