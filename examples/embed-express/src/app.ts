// The same app with the kit inside: three lines that matter are createServerKit, kitMiddleware and the client's middleware.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createCuittyClient } from "@cuitty/sdk";
import { createExpressMiddleware } from "@cuitty/sdk/express";
import { auditPlugin } from "@cuitty/sdk/plugins/audit";
import { createServerKit, type ServerKit, type Subject } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { logs } from "@cuitty/server-kit/logs";
import { bookmarksApp, type FindSession } from "./bookmarks.ts";
import { openCredentials } from "./credentials.ts";

export interface RunningApp {
  readonly url: string;
  readonly kit: ServerKit;
  /** Sends what is buffered, ends the streams, closes the files. */
  close(): Promise<void>;
}

/** Starts everything on 127.0.0.1. */
export async function startApp(options: { readonly dataDir: string; readonly port: number }): Promise<RunningApp> {
  let whoIsIt: (request: Request) => Subject | null = () => null;
  const kit = await createServerKit({
    dataDir: options.dataDir,
    modules: [audit(), logs()],
    // Streams and reads are open to whoever is logged in to the app: no key in the browser.
    authenticate: async (request) => whoIsIt(request),
  });
  const credentials = await openCredentials(kit, options.dataDir);
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const cuitty = createCuittyClient({ portalUrl: url, ...credentials }).use(auditPlugin());

  const { app } = bookmarksApp((express, findSession) => {
    whoIsIt = subjectOf(findSession, credentials.projectId);
    express.use(createExpressMiddleware(cuitty));
    // Before express.json(): the kit needs the bytes that were signed.
    express.use(kitMiddleware(kit));
  });
  server.on("request", app);
  cuitty.start();

  return {
    url,
    kit,
    async close() {
      await cuitty.shutdown();
      await kit.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

const subjectOf =
  (findSession: FindSession, projectId: string) =>
  (request: Request): Subject | null => {
    const session = findSession(request.headers.get("cookie"));
    return session && { id: session.user, kind: "user", projectId, organizationId: "bookmarks", scopes: ["read"] };
  };
