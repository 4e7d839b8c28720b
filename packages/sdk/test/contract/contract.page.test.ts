// The contract cases in a real Chromium: with WebCrypto, and on a page without TLS, where noble signs.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { cases } from "./cases.ts";
import { startContractServer } from "./server.ts";

let browser: Browser;
let pages: Server;
let port: number;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    outdir: "/",
    write: false,
    conditions: ["@cuitty/source", "browser"],
  });
  const files = new Map(outputFiles.map(({ path, text }) => [path, text]));
  pages = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    response
      .setHeader("Content-Type", file ? "text/javascript" : "text/html")
      .end(file ?? '<script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  port = (pages.address() as AddressInfo).port;
  browser = await chromium.launch({
    executablePath: inject("chromiumPath"),
    args: ["--no-sandbox", "--host-resolver-rules=MAP plain.example 127.0.0.1"],
  });
});

afterAll(async () => {
  await browser.close();
  pages.close();
});

test.each([
  ["127.0.0.1", true],
  ["plain.example", false],
])("all cases hold on a page of %s", { timeout: 60_000 }, async (host, isSecure) => {
  const server = await startContractServer();
  const page = await browser.newPage();
  const url = isSecure ? server.url : server.url.replace("127.0.0.1", host);
  await page.goto(`http://${host}:${port}/?server=${encodeURIComponent(url)}`);
  const outcome = await page.waitForFunction(() => (globalThis as { outcome?: unknown }).outcome, undefined, { timeout: 50_000 });
  expect(await outcome.jsonValue()).toEqual({ cases: Object.keys(cases).length, failures: [], isSecure });
  await page.close();
  server.close();
});
