// For tests: migrates a file in a process of its own. Arguments: path, engine, "slow" for a migration that can be interrupted.
import type { EngineName } from "../../engine/driver.ts";
import { applyMigrations } from "../../migrate/migrate.ts";
import { openTestDriver } from "./drivers.ts";
import { slowMigrations } from "./slow-migrations.ts";

const [path, engine] = process.argv.slice(2);
const driver = openTestDriver(path!, engine as EngineName);
process.stdout.write("ready\n");
const { applied } = applyMigrations(driver, { kind: "module", migrations: slowMigrations });
process.stdout.write(`${JSON.stringify(applied)}\n`);
driver.close();
