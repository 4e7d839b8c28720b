// @ts-nocheck scratch
import { mkdtempSync } from "node:fs";
import { eq, sql } from "drizzle-orm";
import { applyMigrations } from "../../migrate/migrate.ts";
import { systemMigrations } from "../../migrate/system-migrations.ts";
import { tenantMigrations } from "../../migrate/tenant-migrations.ts";
import { createDatabase } from "../adapter.ts";
import { systemSchema } from "../schema.ts";
import { scratchDriver } from "./scratch-driver.ts";

const dir = mkdtempSync("/tmp/scratch-");
const driver = scratchDriver(`${dir}/system.db`);
console.log(
  applyMigrations(driver, { kind: "system", migrations: systemMigrations }),
  applyMigrations(driver, { kind: "system", migrations: systemMigrations }),
);
const t = scratchDriver(`${dir}/tenant.db`);
console.log(applyMigrations(t, { kind: "tenant", migrations: tenantMigrations }));
const db = createDatabase({ client: {}, driver, honkerTx: { notify: () => 1 } }, { schema: systemSchema });
console.log(db.insert(systemSchema.accounts).values({ id: "a", email: "a@b" }).run());
console.log(await db.insert(systemSchema.organizations).values({ id: "o", name: "O", slug: "o", ownerId: "a" }).returning());
console.log(await db.query.accounts.findMany({ with: { organizations: true } }));
console.log(
  await db
    .select()
    .from(systemSchema.accounts)
    .leftJoin(systemSchema.organizations, eq(systemSchema.accounts.id, systemSchema.organizations.ownerId)),
);
await db.transaction(async (tx) => {
  await tx.update(systemSchema.accounts).set({ displayName: "x" });
  try {
    await tx.transaction(async (tx2) => {
      await tx2.update(systemSchema.accounts).set({ displayName: "y" });
      tx2.rollback();
    });
  } catch (e) {
    console.log((e as Error).message);
  }
});
console.log(db.get(sql`select display_name from accounts`), await db.$count(systemSchema.accounts));
const p = db.transaction(async (tx) => {
  await new Promise((r) => setTimeout(r, 20));
  await tx.update(systemSchema.accounts).set({ displayName: "z" });
});
try {
  db.update(systemSchema.accounts).set({ displayName: "no" }).run();
} catch (e) {
  console.log((e as { code: string }).code);
}
const q = db.update(systemSchema.accounts).set({ displayName: "queued" });
await Promise.all([p, q]);
console.log(db.get(sql`select display_name from accounts`));
await db.delete(systemSchema.accounts).where(eq(systemSchema.accounts.id, "zz")).limit(1);
