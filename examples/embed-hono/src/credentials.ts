// The demo's key and secret: made once by `bootstrap`, kept in a 0600 file beside the data, because the kit itself stores only a hash of the key.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerKit } from "@cuitty/server-kit";
import { SettingsError } from "./settings.ts";

export interface Credentials {
  readonly projectId: string;
  readonly apiKey: string;
  readonly webhookSecret: string;
}

const fileName = "demo-credentials.json";

/** Credentials of the demo's project: read when the data folder has them, made and written otherwise. Errors: SettingsError when data and file do not fit. */
export async function openCredentials(kit: ServerKit, dataDir: string): Promise<Credentials> {
  const path = join(dataDir, fileName);
  const known = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (known !== null) return parseCredentials(known, path);
  const first = await kit
    .bootstrap({ email: "demo@example.com", organization: "Demo", project: "Notes", signaturePolicy: "optional" })
    .catch((error: unknown) => {
      throw new SettingsError(`${dataDir} holds data but not the demo's ${fileName}: put the file back, or start with another DATA_DIR`, {
        cause: error,
      });
    });
  const credentials = { projectId: first.projectId, apiKey: first.apiKey, webhookSecret: first.webhookSecret };
  await writeFile(path, JSON.stringify(credentials, null, 2) + "\n", { mode: 0o600, flag: "wx" });
  return credentials;
}

function parseCredentials(text: string, path: string): Credentials {
  try {
    const { projectId, apiKey, webhookSecret } = JSON.parse(text) as Partial<Credentials>;
    if (projectId && apiKey && webhookSecret) return { projectId, apiKey, webhookSecret };
  } catch {
    // Falls through: a damaged file and an incomplete one need the same answer.
  }
  throw new SettingsError(`${path} is damaged: put back a good copy, or start with another DATA_DIR`);
}
