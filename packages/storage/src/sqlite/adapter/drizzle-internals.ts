// What Drizzle 0.45 has and 1.0 has not, taken from module objects: a missing named import would end in a bare SyntaxError, with no word about versions.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import * as orm from "drizzle-orm";
import * as relationsModule from "drizzle-orm/relations";
import * as core from "drizzle-orm/sqlite-core";
import { npmVersion } from "drizzle-orm/version";

/** Throws `unsupported_drizzle` unless `version` is 0.45 or a later 0.x. */
export function assertSupportedDrizzle(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major === 0 && minor >= 45) return;
  throw new CuittyError(
    "unsupported_drizzle",
    `Expected drizzle-orm 0.45 or a later 0.x, got ${version}: its sessions and relations work in another way. Install drizzle-orm@^0.45.`,
    { details: { found: version, expected: ">=0.45 <1" } },
  );
}

// At import, because the classes below are extended at import.
assertSupportedDrizzle(npmVersion);

export const SQLiteTransaction: typeof core.SQLiteTransaction = core.SQLiteTransaction;
export const SQLiteSyncDialect: typeof core.SQLiteSyncDialect = core.SQLiteSyncDialect;
export const BaseSQLiteDatabase: typeof core.BaseSQLiteDatabase = core.BaseSQLiteDatabase;
export const relations: typeof orm.relations = orm.relations;
export const createTableRelationsHelpers: typeof relationsModule.createTableRelationsHelpers = relationsModule.createTableRelationsHelpers;
export const extractTablesRelationalConfig: typeof relationsModule.extractTablesRelationalConfig =
  relationsModule.extractTablesRelationalConfig;
