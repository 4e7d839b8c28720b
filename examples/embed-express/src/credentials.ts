// The app's own key: made once, kept in a 0600 file beside the data, because the kit stores only a hash of it.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerKit } from "@cuitty/server-kit";

export interface Credentials {
  readonly projectId: string;
  readonly apiKey: string;
  readonly webhookSecret: string;
}

/** Reads the file, or makes the first administrator and writes it. */
export async function openCredentials(kit: ServerKit, dataDir: string): Promise<Credentials> {
  const path = join(dataDir, "credentials.json");
  const known = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (known !== null) return JSON.parse(known) as Credentials;
  const first = await kit.bootstrap({ email: "you@example.com", organization: "Bookmarks" });
  const credentials = { projectId: first.projectId, apiKey: first.apiKey, webhookSecret: first.webhookSecret };
  await writeFile(path, JSON.stringify(credentials, null, 2), { mode: 0o600, flag: "wx" });
  return credentials;
}
