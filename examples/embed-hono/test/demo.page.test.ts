// The demo's page in a real browser: an event appears without a reload, hostile log lines are shown as text, filters hide and show.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Running, startDemo } from "./run-demo.ts";

let dataDir: string;
let demo: Running;
let browser: Browser;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "demo-page-"));
  demo = await startDemo({ DATA_DIR: dataDir });
  browser = await chromium.launch({ executablePath: inject("chromiumPath"), args: ["--no-sandbox", "--disable-background-networking"] });
  page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => {
    problems.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(demo.url);
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test("the event of a request made elsewhere appears without a reload", async () => {
  await page.locator("#state", { hasText: /^live$/ }).waitFor();
  await fetch(`${demo.url}/notes/41`);
  await page.locator("li[data-type=audit]", { hasText: "GET /notes/:id" }).first().waitFor({ timeout: 15_000 });
});

test("a note saved on the page appears as an audit event and as a log line", async () => {
  await page.fill("#text", "buy milk");
  await page.click("button.primary");
  await page.locator("li[data-type=log]", { hasText: "note created: buy milk" }).waitFor({ timeout: 15_000 });
  await page.locator("li[data-type=audit]", { hasText: "POST /notes" }).first().waitFor({ timeout: 15_000 });
});

test("a log line full of markup and control characters is shown as text", async () => {
  const hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>\u001b[31mred\u0000\u0007 end of hostile";
  await fetch(`${demo.url}/notes`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: hostile }),
  });
  const row = page.locator("li[data-type=log]", { hasText: "end of hostile" });
  await row.waitFor({ timeout: 15_000 });
  expect(await row.innerText()).toContain("<img src=x onerror=alert(1)><script>alert(2)</script>␛[31mred␀␇ end of hostile");
  expect(await page.locator("#events img, #events script").count()).toBe(0);
});

test("filters hide and show types, the commits of the repository among them", async () => {
  await page.locator("li[data-type=repository]").first().waitFor({ timeout: 15_000 });
  await page.getByLabel("audit").uncheck();
  expect(await page.locator("li[data-type=audit]:visible").count()).toBe(0);
  expect(await page.locator("li[data-type=repository]:visible").count()).toBeGreaterThan(0);
  await page.getByLabel("audit").check();
  expect(await page.locator("li[data-type=audit]:visible").count()).toBeGreaterThan(0);
});

test("the page causes no script error and no policy violation", () => {
  expect(problems).toEqual([]);
});
