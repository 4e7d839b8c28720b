// Serves the page, its code (bundled once, in chunks) and a stand-in for the app's own ingest route.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { build } from "esbuild";

export interface PageEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface PageServer {
  readonly url: string;
  close(): void;
}

const html = `<!doctype html>
<html lang="en">
  <meta charset="utf-8"><title>client-browser</title>
  <body data-project-id="p" data-api-key="cuitty_pk_example">
    <h1>client-browser</h1>
    <p>Click, then close this tab: the terminal shows both.</p>
    <button>Click</button>
    <script type="module" src="/page.js"></script>
  </body>
</html>`;

/** Starts it on the loopback interface; 0 means a free port. Each event is handed over once, however often it arrives. */
export async function startPage(port: number, onEvent: (event: PageEvent) => void): Promise<PageServer> {
  const files = await bundle();
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    if (path === "/api/ingest") void ingest(request, response);
    else if (path === "/") response.setHeader("Content-Type", "text/html; charset=utf-8").end(html);
    else if (files.has(path)) response.setHeader("Content-Type", "text/javascript").end(files.get(path));
    else response.writeHead(404).end();
  });

  async function ingest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const events = await eventsOf(request);
      for (const event of events) if (!seen.has(event.id) && seen.add(event.id)) onEvent(event);
      response.setHeader("Content-Type", "application/json").end(JSON.stringify({ accepted: events.length, rejected: [] }));
    } catch {
      // reason: no batch, or a page that left in the middle of one
      response.writeHead(400).end();
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function eventsOf(request: IncomingMessage): Promise<PageEvent[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const wire = Buffer.concat(chunks);
  const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(wire) : wire;
  return (JSON.parse(body.toString()) as { events: PageEvent[] }).events;
}

async function bundle(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    outdir: "/",
    write: false,
    conditions: ["@cuitty/source", "browser"],
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, contents]));
}
