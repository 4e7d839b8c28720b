// Holds the write lock of a file for a while, from another process.
import { audit } from "@cuitty/server-kit/audit";
import { openFile } from "@cuitty/storage/file";

const { driver } = await openFile({ path: process.env.DB_PATH as string, kind: "module", migrations: audit().migrations });
driver.exec("BEGIN IMMEDIATE");
process.send?.("locked");
setTimeout(() => {
  driver.exec("ROLLBACK");
  process.exit(0);
}, Number(process.env.HOLD_MS));
