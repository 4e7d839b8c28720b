// Makes a Drizzle database on an open client, a driver, a path or a raw Honker database.
import { DefaultLogger, type DrizzleConfig, type ExtractTablesWithRelations, type Logger } from "drizzle-orm";
import type { RelationalSchemaConfig } from "drizzle-orm/relations";
import type { Driver } from "../engine/driver.ts";
import type { Notifier } from "../engine/notifications.ts";
import { HonkerDatabase } from "./adapter/database.ts";
import { HonkerDialect } from "./adapter/dialect.ts";
import { createTableRelationsHelpers, extractTablesRelationalConfig } from "./adapter/drizzle-internals.ts";
import { HonkerSession, type RawRead } from "./adapter/session.ts";
import { gateOf } from "./adapter/writer-gate.ts";

type FullSchema = Record<string, unknown>;

/** Options of `drizzle`, as in Drizzle's own drivers. */
export type HonkerDrizzleConfig<TSchema extends FullSchema = Record<string, never>> = Pick<
  DrizzleConfig<TSchema>,
  "schema" | "logger" | "casing"
>;

export interface DatabaseParts<TClient> {
  readonly client: TClient;
  readonly driver: Driver;
  readonly notifier: Notifier;
}

/** The database object on an open driver. */
export function createDatabase<TSchema extends FullSchema, TClient>(
  parts: DatabaseParts<TClient>,
  config: HonkerDrizzleConfig<TSchema> = {},
): HonkerDatabase<TSchema, TClient> {
  type Tables = ExtractTablesWithRelations<TSchema>;
  const { driver, client, notifier } = parts;
  const core = {
    driver,
    notifier,
    rawReads: new WeakMap<object, RawRead>(),
    gate: gateOf(driver),
    dialect: new HonkerDialect(driver, { casing: config.casing }),
    schema: relationalSchema<TSchema>(config.schema),
    logger: loggerOf(config.logger),
  };
  return new HonkerDatabase(new HonkerSession<TSchema, Tables>(core), client);
}

function relationalSchema<TSchema extends FullSchema>(
  fullSchema: TSchema | undefined,
): RelationalSchemaConfig<ExtractTablesWithRelations<TSchema>> | undefined {
  if (fullSchema === undefined) return undefined;
  const { tables, tableNamesMap } = extractTablesRelationalConfig<ExtractTablesWithRelations<TSchema>>(
    fullSchema,
    createTableRelationsHelpers,
  );
  return { fullSchema, schema: tables, tableNamesMap };
}

function loggerOf(logger: boolean | Logger | undefined): Logger | undefined {
  if (logger === true) return new DefaultLogger();
  return logger === false ? undefined : logger;
}
