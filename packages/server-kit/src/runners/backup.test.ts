import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { restoreKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { type TestKit, testKit } from "@cuitty/server-kit/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const log = (message: string) => ({ type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message } });

let folder: string;
let kit: TestKit;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cuitty-backup-"));
  kit = await testKit({ modules: [audit(), logs()], dataDir: join(folder, "data") });
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

test("what is restored is its owner's alone, whatever became of the modes of the backup", async () => {
  const backup = join(folder, "backup");
  await kit.ingest([log("one")]);
  await kit.kit.backup(backup);
  for (const name of await readdir(backup)) await chmod(join(backup, name), name === "logs.db" ? 0o444 : 0o644);
  await kit.kit.close();
  const { files } = await restoreKit(backup, kit.dataDir);
  expect(files).toContain("master.key");
  for (const name of files) expect([name, (await stat(join(kit.dataDir, name))).mode & 0o777]).toEqual([name, 0o600]);
  // With its own key file, which it would refuse if others could read it.
  await kit.reopen();
  expect(await messages()).toEqual(["one"]);
});

test("a backup whose key cannot be copied, or whose folder cannot be made, fails with what is wrong", async () => {
  await rm(join(kit.dataDir, "master.key"));
  await mkdir(join(kit.dataDir, "master.key"));
  await expect(kit.kit.backup(join(folder, "keyless"))).rejects.toMatchObject({ code: "io", retryable: true });
  await expect(restoreKit(join(folder, "keyless"), join(folder, "target"))).rejects.toMatchObject({ code: "not_a_backup" });
  await rm(join(kit.dataDir, "master.key"), { recursive: true });
  expect((await kit.kit.backup(join(folder, "elsewhere"))).files).toEqual(["system.db", "audit.db", "logs.db"]);
  await writeFile(join(folder, "file"), "in the way");
  await expect(kit.kit.backup(join(folder, "file", "backup"))).rejects.toMatchObject({ code: "io", retryable: true });
});

test("folders that hold no backup, or cannot take one, are named", async () => {
  await expect(restoreKit(join(folder, "missing"), join(folder, "target"))).rejects.toMatchObject({ code: "not_a_backup" });
  await expect(restoreKit(folder, join(folder, "target"))).rejects.toMatchObject({ code: "not_a_backup" });
  await expect(restoreKit("", join(folder, "target"))).rejects.toMatchObject({ code: "invalid_option" });
  await expect(kit.kit.backup("")).rejects.toMatchObject({ code: "invalid_option" });
  await writeFile(join(folder, "note.txt"), "full");
  await expect(kit.kit.backup(folder)).rejects.toMatchObject({ code: "backup_exists" });
});

test("a backup that is damaged, cut off or another's is refused before anything is touched", async () => {
  const good = join(folder, "good");
  await kit.ingest([log("one")]);
  await kit.kit.backup(good);
  await kit.ingest([log("two")]);
  await kit.kit.close();
  const before = (await readdir(kit.dataDir)).sort();
  const spoil: Record<string, (backup: string) => Promise<unknown>> = {
    "a damaged module": (backup) => truncate(join(backup, "logs.db"), 5_000),
    "an empty system.db": (backup) => truncate(join(backup, "system.db"), 0),
    "a module as system.db": (backup) => cp(join(backup, "audit.db"), join(backup, "system.db")),
    "a backup that was cut off": (backup) => writeFile(join(backup, "backup.unfinished"), ""),
  };
  for (const [name, damage] of Object.entries(spoil)) {
    const backup = join(folder, name);
    await cp(good, backup, { recursive: true });
    await damage(backup);
    await expect(restoreKit(backup, kit.dataDir), name).rejects.toMatchObject({ code: expect.stringMatching(/^(corrupt|not_a_backup)$/) });
    expect((await readdir(kit.dataDir)).sort(), name).toEqual(before);
  }
  await kit.reopen();
  expect(await messages()).toEqual(["two", "one"]);
});

test("what is kept aside opens again: its key is kept with it", async () => {
  const other = await testKit({ modules: [audit(), logs()], dataDir: join(folder, "other") });
  await other.kit.backup(join(folder, "others"));
  await other.close();
  await kit.ingest([log("mine")]);
  await kit.kit.close();
  const key = await readFile(join(kit.dataDir, "master.key"));
  await restoreKit(join(folder, "others"), kit.dataDir);
  for (const name of await readdir(kit.dataDir)) if (!name.includes(".replaced-")) await rm(join(kit.dataDir, name), { recursive: true });
  for (const name of await readdir(kit.dataDir))
    await rename(join(kit.dataDir, name), join(kit.dataDir, name.replace(/\.replaced-[^-]*/, "")));
  expect(await readFile(join(kit.dataDir, "master.key"))).toEqual(key);
  await kit.reopen();
  expect(await messages()).toEqual(["mine"]);
});
