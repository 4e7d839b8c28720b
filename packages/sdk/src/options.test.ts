// Wrong options: one error, at construction, that names the option and shows no secret.
import { createCuittyClient, type SpoolAdapter } from "@cuitty/sdk";
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { expect, test, vi } from "vitest";

const good = { portalUrl: "http://localhost:7700", projectId: "p", apiKey: "cuitty_sk_secret" };

const wrong: readonly (readonly [option: string, options: object, message: string])[] = [
  ["portalUrl", { portalUrl: undefined }, "must be an http(s) URL"],
  ["portalUrl", { portalUrl: "localhost:7700" }, "must be an http(s) URL"],
  ["portalUrl", { portalUrl: "not a url" }, "must be an http(s) URL"],
  ["portalUrl", { portalUrl: "ftp://x" }, "must be an http(s) URL"],
  ["portalUrl", { portalUrl: "http://user:pass@x" }, "must be an http(s) URL without credentials"],
  ["portalUrl", { portalUrl: "http://x/?secret=a" }, "must be an http(s) URL without credentials or query"],
  ["portalUrl", { portalUrl: "http://x/#/portal" }, "must be an http(s) URL without credentials or query"],
  ["projectId", { projectId: "" }, "must be given"],
  ["apiKey", { apiKey: undefined }, "must be given"],
  ["apiKey", { apiKey: null }, "must be given"],
  ["apiKey", { apiKey: "cuitty_sk_secret\n" }, "must be given, as text without spaces"],
  ["apiKey", { apiKey: 7 }, "must be a string, not number"],
  ["webhookSecret", { webhookSecret: {} }, "must be a string, not object"],
  ["flushInterval", { flushInterval: -1 }, "must be a whole number from 0, not -1"],
  ["flushInterval", { flushInterval: Number.NaN }, "must be a whole number from 0, not NaN"],
  ["maxBufferSize", { maxBufferSize: "500" }, "must be a number, not string"],
  ["maxRetries", { maxRetries: -1 }, "must be a whole number from 0"],
  ["maxRetries", { maxRetries: 1.5 }, "must be a whole number from 0, not 1.5"],
  ["timeout", { timeout: 0 }, "must be a whole number from 1"],
  ["debug", { debug: "yes" }, "must be a boolean, not string"],
  ["enabled", { enabled: "yes" }, "must be a boolean, not string"],
  ["spool", { spool: 5 }, "must be a string, not number"],
  ["spool.directory", { spool: {} }, "must be given"],
  ["spool.directory", { spool: [] }, "must be given"],
  ["spool.directory", { spool: { directory: "" } }, "must be given"],
  ["spool.directory", { spool: { directory: 5 } }, "must be a string, not number"],
  ["spool.maxBytes", { spool: { directory: "a b", maxBytes: -1 } }, "must be a whole number from 0, not -1"],
  ["spool.maxBytes", { spool: { directory: "a b", maxBytes: "x" } }, "must be a number, not string"],
  ["spool.maxAgeMs", { spool: { directory: "a b", maxAgeMs: Number.NaN } }, "must be a whole number from 0, not NaN"],
  ["spool.maxByte", { spool: { directory: "a b", maxByte: 1 } }, "is no option"],
  ["durability", { durability: "WAL" }, "must be exit or wal"],
  ["signature", { signature: "bare" }, "must be body or extended"],
  ["waitUntil", { waitUntil: {} }, "must be a function, not object"],
  ["fetch", { fetch: "node-fetch" }, "must be a function, not string"],
  ["apikey", { apikey: "x" }, "is no option"],
];

test.each(wrong)("%s: %o is refused", (option, options, message) => {
  let error: unknown;
  try {
    createCuittyClient({ ...good, ...options });
  } catch (thrown) {
    error = thrown;
  }
  expect(isCuittyError(error, "invalid_option")).toBe(true);
  expect(error).toMatchObject({ details: { option }, message: expect.stringContaining(`${option} ${message}`) });
  expect((error as Error).message).not.toContain("secret");
});

test("no options at all name the first one that is missing", () => {
  expect(() => createCuittyClient(undefined as never)).toThrow("portalUrl must be");
});

test.each([undefined, null, "", " "])("in a page, portalUrl may be relative, but not missing: %j", (portalUrl) => {
  vi.stubGlobal("location", { href: "https://shop.example/checkout/step2?x=1" });
  expect(() => createCuittyClient({ ...good, portalUrl: "/portal" })).not.toThrow();
  expect(() => createCuittyClient({ ...good, portalUrl } as never)).toThrow("portalUrl must be an http(s) URL");
  vi.unstubAllGlobals();
});

test("good options are taken, extremes included", () => {
  const extremes = {
    flushInterval: Infinity,
    maxBufferSize: 1,
    maxRetries: 0,
    timeout: Infinity,
    webhookSecret: undefined,
    waitUntil: undefined,
    spool: { directory: "a b", maxBytes: Infinity, maxAgeMs: 0.5 },
  };
  expect(() => createCuittyClient({ ...good, ...extremes })).not.toThrow();
  class Adapter implements SpoolAdapter {
    put(): void {}
    remove(): void {}
    claim(): undefined {}
  }
  for (const spool of [undefined, "a b", { directory: "a b", maxBytes: undefined }, new Adapter()])
    expect(() => createCuittyClient({ ...good, spool, maxRetries: Infinity })).not.toThrow();
});

test("switched off, a client checks, keeps, starts and sends nothing", async () => {
  const fetch = vi.fn();
  const setup = vi.fn();
  const client = createCuittyClient({ enabled: false, fetch } as never);
  const watched = () => process.listenerCount("exit") + process.listenerCount("SIGTERM");
  const before = watched();
  client.use({ name: "p", setup, before: setup }).start();
  await client.emit({ type: "audit", data: {} });
  expect(await client.flush()).toEqual({ sent: 0, pending: 0, dropped: 0 });
  expect(await client.shutdown()).toEqual({ sent: 0, pending: 0, dropped: 0 });
  client.recordRequest({ method: "GET", path: "/", statusCode: 200, durationMs: 1, startedAtMs: 0, context: undefined });
  expect(client.stats()).toMatchObject({ emitted: 0, pending: 0, bytes: 0 });
  expect(watched()).toBe(before);
  expect(fetch).not.toHaveBeenCalled();
  expect(setup).not.toHaveBeenCalled();
});
