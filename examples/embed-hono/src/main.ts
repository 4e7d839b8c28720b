// Starts the demo: an ordinary Hono app with the kit inside, until Ctrl-C; with --once, one checked pass.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCuittyError } from "@cuitty/wire-protocol";
import { startApp } from "./app.ts";
import { countingFetch, reportLine, runPass } from "./checked-pass.ts";
import { curlExample } from "./curl-example.ts";
import { readSettings, type Settings, SettingsError, USAGE } from "./settings.ts";

const notice = (line: string): void => console.log(line);

async function once(settings: Settings): Promise<number> {
  const dataDir = settings.dataDir ?? (await mkdtemp(join(tmpdir(), "cuitty-demo-")));
  try {
    const sentIds = new Set<string>();
    const app = await startApp({ dataDir, port: settings.port, logTo: { write: () => {} }, notice, fetch: countingFetch(sentIds) });
    try {
      const report = await runPass(app, sentIds);
      const { dropped, pending } = app.cuitty.stats();
      notice(reportLine(report));
      return report.sent > 0 && report.lost === 0 && report.duplicated === 0 && dropped === 0 && pending === 0 ? 0 : 1;
    } finally {
      await app.close();
    }
  } finally {
    if (settings.dataDir === null) await rm(dataDir, { recursive: true, force: true });
  }
}

async function serve(settings: Settings & { readonly dataDir: string }): Promise<void> {
  const app = await startApp({ dataDir: settings.dataDir, port: settings.port, notice });
  notice(`Notes app with the kit inside: ${app.url}  (data in ${settings.dataDir}; Ctrl-C stops it)`);
  notice(`\nSend an event yourself and watch the page:\n\n${curlExample(app.url, app.credentials)}\n`);
  const stop = (signal: NodeJS.Signals): void => {
    notice(`${signal}: sending what is buffered, then stopping`);
    app.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

function fail(error: unknown): void {
  if (error instanceof SettingsError || isCuittyError(error)) console.error(`demo: ${error.message}`);
  else console.error(error);
  process.exit(1);
}

async function main(): Promise<void> {
  if (process.argv.includes("--help")) return notice(USAGE);
  const settings = readSettings(process.argv.slice(2), process.env);
  if (settings.once || settings.dataDir === null) process.exit(await once(settings));
  await serve({ ...settings, dataDir: settings.dataDir });
}

main().catch(fail);
