// The app: a notes API with the kit embedded. What matters is createServerKit, mountKit and the client with its plugins.
import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CuittyClient, createCuittyClient } from "@cuitty/sdk";
import { auditPlugin } from "@cuitty/sdk/plugins/audit";
import { logsPlugin } from "@cuitty/sdk/plugins/logs";
import { performancePlugin } from "@cuitty/sdk/plugins/performance";
import { repositoryPlugin } from "@cuitty/sdk/plugins/repository";
import { createServerKit, type ServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { performance } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { type DestinationStream, pino } from "pino";
import { type Credentials, openCredentials } from "./credentials.ts";
import { notesApi } from "./notes.ts";
import { PAGE_POLICY, renderPage } from "./page.ts";
import { SettingsError } from "./settings.ts";

export const TOPICS = ["audit", "logs", "performance", "repository"] as const;

export interface RunningApp {
  readonly url: string;
  readonly kit: ServerKit;
  readonly cuitty: CuittyClient;
  readonly credentials: Credentials;
  /** Resolves when the commits have been handed to the client. */
  commitsRead(): Promise<unknown>;
  /** Sends what is buffered, ends the streams, closes the files. */
  close(): Promise<void>;
}

export interface AppOptions {
  readonly dataDir: string;
  readonly port: number;
  /** Where pino's lines go besides becoming events. @default stdout */
  readonly logTo?: DestinationStream;
  /** One line for the person at the terminal. */
  readonly notice: (line: string) => void;
  /** Sees every request of the client; the checked pass counts with it. @default the global fetch */
  readonly fetch?: typeof fetch;
}

const repositoryRoot = fileURLToPath(new URL("../../..", import.meta.url));

/** Starts everything and listens on 127.0.0.1. Errors: SettingsError for a port or folder that cannot be used. */
export async function startApp(options: AppOptions): Promise<RunningApp> {
  const { dataDir } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    throw new SettingsError(`cannot create the data folder ${dataDir} (${cause.code}): set DATA_DIR to a folder that you may write to`, {
      cause,
    });
  });
  const log = options.logTo ? pino({}, options.logTo) : pino();
  const kit = await createServerKit({ dataDir, modules: [audit(), logs(), performance(), repository()] });
  try {
    const credentials = await openCredentials(kit, dataDir);
    const app = new Hono();
    const server = createAdaptorServer({ fetch: app.fetch });
    const url = await listen(server, options.port);
    const cuitty = createCuittyClient({ portalUrl: url, ...credentials, ...(options.fetch ? { fetch: options.fetch } : {}) });
    cuitty
      .use(auditPlugin())
      .use(logsPlugin({ logger: log, minLevel: "info" }))
      .use(performancePlugin());
    const commits = repositoryPlugin({
      path: repositoryRoot,
      maxCommits: Number.POSITIVE_INFINITY,
      statePath: join(dataDir, "sent-commits.json"),
      onSkip: options.notice,
    });
    cuitty.use(commits);

    app.use("*", cuitty.honoMiddleware());
    mountKit(app, kit);
    app.route("/notes", notesApi(log));
    app.get("/favicon.ico", (c) => c.body(null, 204));
    app.get("/", async (c) => {
      const ticket = await kit.createStreamTicket({ projectId: credentials.projectId, topics: TOPICS });
      return c.html(renderPage(`/api/stream?topics=${TOPICS.join(",")}&after=0&ticket=${ticket}`), 200, {
        "content-security-policy": PAGE_POLICY,
      });
    });
    cuitty.start();

    const close = async (): Promise<void> => {
      // Which commits were sent is remembered before the client ends, so that the next start does not send them again.
      await cuitty.flush(2_000);
      await Promise.race([commits.remembered(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
      await cuitty.shutdown();
      await kit.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
    };
    return { url, kit, cuitty, credentials, commitsRead: commits.done, close };
  } catch (error) {
    await kit.close();
    throw error;
  }
}

function listen(server: ReturnType<typeof createAdaptorServer>, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const problem =
        cause.code === "EADDRINUSE"
          ? "is in use: stop the program that uses it, or choose another"
          : `cannot be used (${cause.code}): choose another`;
      reject(new SettingsError(`port ${port} ${problem}, for example PORT=${port + 1} npm run demo`, { cause }));
    });
    server.listen(port, "127.0.0.1", () => resolve(`http://localhost:${(server.address() as AddressInfo).port}`));
  });
}
