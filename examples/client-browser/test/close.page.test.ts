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
