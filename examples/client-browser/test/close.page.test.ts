// A real page in a real browser: what it emits last, while it is being closed, arrives once.
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from "vitest";
import { type PageEvent, type PageServer, startPage } from "../src/server.ts";

let browser: Browser;
/** As a user's profile: it outlives its tabs, and with it the requests they left behind. */
let profile: BrowserContext;
let server: PageServer;
let events: PageEvent[];

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: inject("chromiumPath"), args: ["--no-sandbox"] });
  profile = await browser.newContext();
});
afterAll(() => browser.close());
beforeEach(async () => {
  events = [];
  server = await startPage(0, (event) => events.push(event));
});
afterEach(() => server.close());

const actions = (): unknown[] => events.map(({ data }) => data.action ?? data.metric).sort();

test("a page that is closed delivers its last events", async () => {
  const page = await profile.newPage();
  await page.goto(server.url);
  await vi.waitFor(() => expect(actions()).toContain("page.open"), 5_000);
  await page.click("button");
  await page.click("button");
  await page.close({ runBeforeUnload: true });
  await vi.waitFor(() => expect(actions()).toEqual(["button.click", "button.click", "page.open", "seconds_open"]), 5_000);
});

test("a page that is left for another one does, too", async () => {
  const page = await profile.newPage();
  await page.goto(server.url);
  await vi.waitFor(() => expect(actions()).toContain("page.open"), 5_000);
  await page.click("button");
  await page.goto("about:blank");
  await vi.waitFor(() => expect(actions()).toEqual(["button.click", "page.open", "seconds_open"]), 5_000);
  await page.close();
});

test("what does not fit into a page's last requests waits for the next visit", async () => {
  const page = await profile.newPage();
  await page.goto(server.url);
  await vi.waitFor(() => expect(actions()).toContain("page.open"), 5_000);
  await page.evaluate(() => {
    for (let n = 0; n < 10; n++) dispatchEvent(new ErrorEvent("error", { message: `${n} ${"x".repeat(20_000)}` }));
  });
  await page.close({ runBeforeUnload: true });
  const errors = (): unknown[] => events.filter(({ type }) => type === "error").map(({ data }) => String(data.message).slice(0, 1));
  await vi.waitFor(() => expect(errors().length).toBeGreaterThan(0), 5_000);
  expect(errors().length).toBeLessThan(4);
  const next = await profile.newPage();
  await next.goto(server.url);
  await vi.waitFor(() => expect(errors().sort()).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]), 5_000);
  await next.close();
});

test("a page that comes back from the back-forward cache goes on, and sends nothing twice", async () => {
  const page = await profile.newPage();
  await page.goto(server.url);
  await page.click("button");
  await page.goto(`${server.url}nothing`);
  await page.goBack();
  await page.click("button");
  await vi.waitFor(() => expect(actions().filter((action) => action === "button.click")).toHaveLength(2), 5_000);
  await page.close();
});
