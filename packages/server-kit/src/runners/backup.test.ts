import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { restoreKit } from "@cuitty/server-kit";
import { logs } from "@cuitty/server-kit/logs";
import { type TestKit, testKit } from "@cuitty/server-kit/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const log = (message: string) => ({ type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message } });

let folder: string;
let kit: TestKit;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cuitty-backup-"));
  kit = await testKit({ modules: [logs()], dataDir: join(folder, "data") });
});
afterEach(async () => {
  await kit.close();
  await rm(folder, { recursive: true, force: true });
});

async function messages(): Promise<unknown[]> {
  const { body } = await kit.get("/api/modules/logs/events");
  return (body as { events: { data: { message: string } }[] }).events.map(({ data }) => data.message);
}

test("a restore into the folder of an open kit is refused and changes nothing", async () => {
  const backup = join(folder, "backup");
  await kit.ingest([log("one")]);
  await kit.kit.backup(backup);
  await kit.ingest([log("two")]);
  await expect(restoreKit(backup, kit.dataDir)).rejects.toMatchObject({ code: "data_dir_in_use" });
  await kit.ingest([log("three")]);
  await kit.reopen();
  expect(await messages()).toEqual(["three", "two", "one"]);

  await kit.kit.close();
  expect((await restoreKit(backup, kit.dataDir)).files).toContain("logs.db");
  await kit.reopen();
  expect(await messages()).toEqual(["one"]);
});

test("folders that hold no backup, or cannot take one, are named", async () => {
  await expect(restoreKit(join(folder, "missing"), join(folder, "target"))).rejects.toMatchObject({ code: "not_a_backup" });
  await expect(restoreKit(folder, join(folder, "target"))).rejects.toMatchObject({ code: "not_a_backup" });
  await expect(restoreKit("", join(folder, "target"))).rejects.toMatchObject({ code: "invalid_option" });
  await expect(kit.kit.backup("")).rejects.toMatchObject({ code: "invalid_option" });
  await writeFile(join(folder, "note.txt"), "full");
  await expect(kit.kit.backup(folder)).rejects.toMatchObject({ code: "backup_exists" });
});
