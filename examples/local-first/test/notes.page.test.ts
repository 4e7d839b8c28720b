// The notes app in a real browser: offline, reloads, two tabs, and what IndexedDB holds.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type RunningApp, serve } from "../src/serve.ts";

let app: RunningApp;
let profile: string;
let context: BrowserContext;

const launch = () => chromium.launchPersistentContext(profile, { executablePath: inject("chromiumPath"), args: [] });

beforeAll(async () => {
  app = await serve(0);
  profile = await mkdtemp(join(tmpdir(), "notes-page-"));
  context = await launch();
});
afterAll(async () => {
  await context.close();
  await app.close();
  await rm(profile, { recursive: true, force: true });
});

async function open(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(app.url);
  await page.waitForSelector("output:has-text('ready')");
  return page;
}

async function add(page: Page, text: string): Promise<void> {
  await page.fill("form input", text);
  await page.click("form button");
  await page.waitForSelector(`li:has-text(${JSON.stringify(text)})`);
}

const texts = (page: Page) => page.locator("li span").allTextContents();

test("notes survive a reload without a network, and writing goes on there", async () => {
  const page = await open();
  await add(page, "first canary");
  await context.setOffline(true);
  await add(page, "written offline");
  await page.reload();
  await page.waitForSelector("output:has-text('ready')");
  expect(await texts(page)).toEqual(["written offline", "first canary"]);
  await page.click("li:has-text('first canary') input");
  await page.waitForSelector("li:has-text('first canary') input:checked");
  await page.reload();
  await page.waitForSelector("li:has-text('first canary') input:checked");
  await context.setOffline(false);
  await page.close();
});

test("paths that are no URLs are answered like others that lead nowhere", async () => {
  for (const path of ["//", "//[", "/%", "/constructor"]) expect((await fetch(app.url + path.slice(1))).status).toBe(404);
});

test("the app works offline while the user has not said whether its data may stay, as Firefox asks", async () => {
  const fresh = await chromium.launch({ executablePath: inject("chromiumPath"), args: [] });
  const origin = await fresh.newContext();
  await origin.addInitScript(() => {
    navigator.storage.persist = () => new Promise(() => undefined);
  });
  const page = await origin.newPage();
  await page.goto(app.url);
  await page.waitForSelector("output:has-text('ready')");
  await origin.setOffline(true);
  await page.reload();
  await page.waitForSelector("output:has-text('ready')");
  await fresh.close();
});

test("two tabs see each other's notes at once", async () => {
  const [one, two] = [await open(), await open()];
  await add(one, "from tab one");
  await two.waitForSelector("li:has-text('from tab one')");
  await two.click("li:has-text('from tab one') button");
  await one.waitForSelector("li:has-text('from tab one')", { state: "detached" });
  await Promise.all([one.close(), two.close()]);
});

test("a page that comes back from the back-forward cache shows what was changed meanwhile", async () => {
  const page = await open();
  await add(page, "kept through the cache");
  // Chromium gives such pages up as soon as another tab writes: the list as it would have been left, and the event that ends the rest.
  await page.evaluate(() => document.querySelector("ul")?.replaceChildren());
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await page.waitForSelector("li:has-text('kept through the cache')");
  await page.click("li:has-text('kept through the cache') button");
  await page.waitForSelector("li:has-text('kept through the cache')", { state: "detached" });
  await page.close();
});

test("two tabs that open a new store at once make one key and read each other", async () => {
  const fresh = await chromium.launch({ executablePath: inject("chromiumPath"), args: [] });
  const origin = await fresh.newContext();
  const pages = await Promise.all([origin.newPage(), origin.newPage(), origin.newPage()]);
  await Promise.all(
    pages.map(async (page) => {
      await page.goto(app.url);
      await page.waitForSelector("output:has-text('ready')");
    }),
  );
  for (const [i, page] of pages.entries()) await add(page, `from tab ${i}`);
  for (const page of pages) {
    await page.reload();
    await page.waitForSelector("output:has-text('ready')");
    expect((await texts(page)).sort()).toEqual(["from tab 0", "from tab 1", "from tab 2"]);
  }
  await fresh.close();
});

test("a browser that was closed and opened again has everything", async () => {
  await context.close();
  context = await launch();
  const page = await open();
  expect(await texts(page)).toEqual(["written offline", "first canary"]);
  await page.close();
});

test("IndexedDB holds no word of a note, and the key there cannot be read", async () => {
  const page = await open();
  const dump = await page.evaluate(async () => {
    const read = (request: IDBRequest) => new Promise<unknown>((resolve) => (request.onsuccess = () => resolve(request.result)));
    const text: string[] = [];
    let extractable: boolean | undefined;
    for (const { name } of await indexedDB.databases()) {
      const database = (await read(indexedDB.open(name!))) as IDBDatabase;
      for (const store of database.objectStoreNames) {
        const transaction = database.transaction(store);
        const keys = (await read(transaction.objectStore(store).getAllKeys())) as string[];
        const values = (await read(transaction.objectStore(store).getAll())) as unknown[];
        text.push(...keys);
        for (const value of values) {
          if (value instanceof Uint8Array) text.push(new TextDecoder("latin1").decode(value));
          else text.push(JSON.stringify(value));
          const wrapping = (value as { wrapping?: CryptoKey }).wrapping;
          if (wrapping) extractable = wrapping.extractable;
        }
      }
      database.close();
    }
    return { text: text.join("\n"), extractable };
  });
  expect(dump.text.length).toBeGreaterThan(500);
  expect(dump.text).not.toMatch(/canary|offline|notes\//);
  expect(dump.extractable).toBe(false);
  await page.close();
});

test("text that looks like markup stays text", async () => {
  const page = await open();
  await add(page, "<img src=x onerror=alert(1)>");
  expect(await page.locator("li img").count()).toBe(0);
  await page.close();
});
