// Reads the command line and the environment; anything wrong becomes one sentence that says what to do.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

export interface Settings {
  /** One full pass with a report, instead of a server that runs until Ctrl-C. */
  readonly once: boolean;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Absolute; null in a `--once` pass without DATA_DIR, which uses a temporary folder and removes it. */
  readonly dataDir: string | null;
}

/** A mistake of the person at the keyboard; shown as its message alone. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

export const USAGE = `Usage: npm run demo [-- --once]

  --once   one full pass on a random port: requests, commits, flush, check, report
  PORT     where to listen (default 7700)
  DATA_DIR where the data and the demo's key live (default examples/embed-hono/.data)`;

const defaultPort = 7700;
const defaultDataDir = fileURLToPath(new URL("../.data", import.meta.url));

/** Shape: argv without node and script, environment → settings. Errors: SettingsError. */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const unknown = argv.find((argument) => argument !== "--once");
  if (unknown !== undefined) throw new SettingsError(`unknown option ${unknown}; known are --once and --help`);
  const once = argv.includes("--once");
  const dataDir = env.DATA_DIR ? resolve(env.INIT_CWD ?? process.cwd(), env.DATA_DIR) : once ? null : defaultDataDir;
  return { once, port: env.PORT === undefined || env.PORT === "" ? (once ? 0 : defaultPort) : parsePort(env.PORT), dataDir };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new SettingsError(`PORT must be a whole number from 0 to 65535, got "${text}"; for example PORT=7701 npm run demo`);
  }
  return port;
}
