// What the documentation shows, as it shows it, under the package's own name.
import { createRequire } from "node:module";
import { join } from "node:path";
import { drizzle, migrate, open as openForDrizzle } from "@cuitty/storage/drizzle";
import {
  accounts,
  createSystemDatabase,
  createTenantDatabase,
  graphs,
  HonkerEventTarget,
  nodes,
  open,
  organizations,
  selectAccountSchema,
  uuidV7,
} from "@cuitty/storage/sqlite";
import { Value } from "@sinclair/typebox/value";
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HonkerDatabase as NativeDatabase } from "../engine/honker-native.ts";
import { type TestFiles, testFiles } from "./testing/drivers.ts";

let files: TestFiles;
beforeEach(() => {
  files = testFiles();
});
afterEach(() => {
  // Whoever opened it closes it.
  for (const database of openedNative.splice(0)) database.close();
  files.remove();
});

/** Honker's own binding, as a user of it would load it. */
const native = createRequire(import.meta.url)("@russellthehippo/honker-node-linux-x64-gnu") as { open(path: string): NativeDatabase };
const openedNative: NativeDatabase[] = [];
function openNative(path: string): NativeDatabase {
  const database = native.open(path);
  openedNative.push(database);
  return database;
}
const openers: [string, (path: string) => ReturnType<typeof open> | NativeDatabase][] = [
  ["open()", (path) => open(path)],
  ["open() with the libsql engine", (path) => open(path, { engine: "libsql" })],
  ["a database opened with Honker's binding", openNative],
];

describe.each(openers)("on %s", (_name, openFile) => {
  test("the system database: typed queries, events on the same connection", async () => {
    const honkerClient = openFile(join(files.folder, "system.db"));
    const db = createSystemDatabase(honkerClient);
    await db.insert(accounts).values({ id: "user-1", email: "ada@example.com", accessLevel: "admin" });
    await db.insert(organizations).values({ id: uuidV7(), name: "Acme", slug: "acme", ownerId: "user-1" });

    const admins = await db.select().from(accounts).where(eq(accounts.accessLevel, "admin"));
    expect(admins.map((account) => account.id)).toEqual(["user-1"]);
    expect(Value.Check(selectAccountSchema, admins[0])).toBe(true);

    const heard = new Promise((resolve) =>
      new HonkerEventTarget(db.$client).addEventListener("account:created", (event) => resolve(event.detail)),
    );
    db.$client.notify("account:created", { accountId: "user-1" });
    expect(await heard).toEqual({ accountId: "user-1" });
    expect(db.$client.query("select email from accounts where id = ?", ["user-1"]).map((row) => row.email)).toEqual(["ada@example.com"]);
    db.$client.close();
  });

  test("a tenant database: a node and its event in one commit", async () => {
    const honkerClient = openFile(join(files.folder, "tenant-acme.db"));
    const db = createTenantDatabase(honkerClient);
    const graphId = uuidV7();
    db.insert(graphs).values({ id: graphId, name: "calls", status: "active" }).run();
    const activeGraphs = await db.select().from(graphs).where(eq(graphs.status, "active"));
    expect(activeGraphs).toHaveLength(1);

    const heard = new Promise((resolve) =>
      new HonkerEventTarget(db.$client).addEventListener("nodes:created", (event) => resolve(event.detail)),
    );
    db.transaction((tx) => {
      tx.insert(nodes).values({ id: uuidV7(), graphId, key: "call-1", attributes: {} }).run();
      tx.$honkerTx.notify("nodes:created", { graphId, key: "call-1" });
    });
    expect(await heard).toEqual({ graphId, key: "call-1" });
    expect(db.select().from(nodes).all()).toHaveLength(1);
    db.$client.close();
  });
});

test("engine auto prefers honker where its binding is", () => {
  const db = createSystemDatabase(join(files.folder, "system.db"));
  expect(db.$client.engine).toBe("honker");
  db.$client.close();
});

test("factories migrate unless they are told not to, and refuse a file of the other kind", () => {
  const client = open(join(files.folder, "system.db"));
  const bare = createSystemDatabase(client, { migrate: false });
  expect(() => bare.select().from(accounts).all()).toThrow(/no such table/);
  expect(createSystemDatabase(client).select().from(accounts).all()).toEqual([]);
  expect(() => createTenantDatabase(client)).toThrow(expect.objectContaining({ code: "file_kind_mismatch" }));
  client.close();
  expect(() => createTenantDatabase(join(files.folder, "system.db"))).toThrow(expect.objectContaining({ code: "file_kind_mismatch" }));
});

test("drizzle, migrate and open have the shapes of Drizzle's own drivers", () => {
  const db = drizzle(openForDrizzle(join(files.folder, "app.db")));
  expect(() => migrate(db, { migrationsFolder: files.folder })).toThrow(/_journal\.json/);
  expect(db.get(sql`select 1 as one`)).toEqual({ one: 1 });
  db.$client.close();
  const byPath = drizzle(join(files.folder, "app.db"));
  byPath.$client.close();
  const byObject = drizzle({ connection: join(files.folder, "app.db"), logger: false });
  byObject.$client.close();
});

test("ids are UUIDv7 and sort by time", () => {
  const ids = [1, 2, 3].map((ms) => uuidV7(1_700_000_000_000 + ms));
  expect([...ids].sort()).toEqual(ids);
  expect(ids[0]).toMatch(/^018bcfe5-6801-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
