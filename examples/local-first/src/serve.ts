// Bundles the page and serves it on the loopback interface.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";

const web = join(import.meta.dirname, "web");
const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
};

export interface RunningApp {
  readonly url: string;
  close(): Promise<void>;
}

/** Port 0 takes a free one. */
export async function serve(port: number): Promise<RunningApp> {
  const files = await bundle();
  const server = createServer((request, response) => {
    // As it came: what is no URL, such as "//", is no path of ours either.
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    const body = files.get(path);
    const type = types[path.slice(path.lastIndexOf("."))] ?? types[".html"]!;
    response.writeHead(body === undefined ? 404 : 200, {
      "Content-Type": type,
      "Cache-Control": "no-cache",
      "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'",
    });
    response.end(body ?? "not found");
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Files by path. Code the page does not need at once becomes chunks of its own. */
async function bundle(): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const result = await build({
    entryPoints: [join(web, "page.ts"), join(web, "service-worker.ts")],
    outdir: "/",
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    write: false,
    conditions: ["@cuitty/source"],
    logLevel: "error",
  });
  const files = new Map<string, string | Uint8Array>([["/", await readFile(join(web, "index.html"))]]);
  for (const file of result.outputFiles) files.set(file.path.replaceAll("\\", "/"), file.contents);
  files.set("/files.json", JSON.stringify([...files.keys()]));
  return files;
}
