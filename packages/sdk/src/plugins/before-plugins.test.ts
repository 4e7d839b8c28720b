// Redaction, sampling and enrichment: what they change, what they leave, and that they never touch the host's objects.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CuittyPlugin, EmittedEvent } from "../plugin.ts";
import { enrichmentPlugin } from "./enrichment.ts";
import { type PluginHarness, testPlugin } from "./plugin-suite.ts";
import { type RedactionPluginOptions, redactionPlugin } from "./redaction.ts";
import { type SamplingPluginOptions, samplingPlugin } from "./sampling.ts";

/** Takes an event through the hook and hands what is left to the client, as the client does. */
const passing =
  (event: EmittedEvent) =>
  (plugin: CuittyPlugin, { context }: PluginHarness) => {
    const passed = plugin.before?.(event);
    if (passed) context.emit(passed);
  };

testPlugin({
  file: "redaction",
  create: () => redactionPlugin(),
  trigger: passing({ type: "log", data: { level: "info", message: "GET postgres://app:pw@db/x", fields: { apiKey: "k", page: 2 } } }),
  expected: { type: "log", data: { level: "info", message: "GET postgres://[redacted]@db/x", fields: { apiKey: "[redacted]", page: 2 } } },
});

testPlugin({
  file: "sampling",
  create: () => samplingPlugin({ rates: { log: 0 } }),
  trigger: passing({ type: "log", data: { level: "error", message: "disk full" } }),
  expected: { type: "log", data: { level: "error", message: "disk full" } },
});

testPlugin({
  file: "enrichment",
  create: () => enrichmentPlugin({ fields: { service: "api" } }),
  trigger: passing({ type: "error", data: { name: "E", message: "m" } }),
  expected: { type: "error", data: { service: "api", name: "E", message: "m" } },
});

describe("redaction", () => {
  const redact = (data: unknown, options?: RedactionPluginOptions) => redactionPlugin(options).before?.({ type: "log", data })?.data;

  test("finds tokens wherever they stand, and ends with texts that are all beginnings of one", () => {
    const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl";
    const texts = { a: token, b: `jwt=${token};`, c: "ftp+ssl://u:p@h/ x://y", d: "my-eyJhbGciOiJIUzI1NiJ9" };
    expect(redact(texts)).toEqual({ a: "[redacted]", b: "jwt=[redacted];", c: "ftp+ssl://[redacted]@h/ x://y", d: texts.d });
    // Patterns that look at each of them to its end would take minutes.
    const long = [
      "eyJ-".repeat(250_000),
      `sk_ ${"a".repeat(1_000_000)}`,
      "SG.".repeat(300_000),
      "a://".repeat(250_000),
      "sk-a-".repeat(200_000),
    ];
    for (const text of long) expect(redact({ text })).toBeDefined();
  });

  test("masks what is assigned to the name of a secret in a text", () => {
    const texts = {
      a: "login password=S3CRET ok",
      b: "GET /x?token=S3CRET&page=2 https://h/?page=1&api_key=S3CRET#top",
      c: `DB_PASSWORD="S3CRET S3CRET", user=alice; client-secret='S3CRET'`,
      d: "max_tokens=5 if (password==other) author=x a==b = key=7",
    };
    expect(redact(texts)).toEqual({
      a: "login password=[redacted] ok",
      b: "GET /x?token=[redacted]&page=2 https://h/?page=1&api_key=[redacted]#top",
      c: "DB_PASSWORD=[redacted], user=alice; client-secret=[redacted]",
      d: texts.d,
    });
    const long = [
      "a".repeat(1_000_000),
      "a.".repeat(500_000),
      "password=".repeat(100_000),
      "token=' ".repeat(100_000),
      `token="${"x ".repeat(500_000)}`,
    ];
    const startedAtMs = performance.now();
    for (const text of [...long, "=".repeat(1_000_000), "token=\"'".repeat(100_000)]) expect(redact({ text })).toBeDefined();
    // Some 100 ms; what looks at each beginning to the end of the text takes minutes.
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  });

  test("masks tokens, sessions and auth that are texts or lists, and leaves counts and what is inside to be looked at", () => {
    const secret = {
      tokens: ["S3CRET"],
      session: "S3CRET",
      sessionId: "S3CRET",
      session_id: "S3CRET",
      auth: "S3CRET",
      userTokens: "S3CRET",
      sid: "S3CRET",
    };
    for (const [key, value] of Object.entries(secret)) expect(redact({ [key]: value })).toEqual({ [key]: "[redacted]" });
    const open = {
      tokens: 812,
      max_tokens: "5",
      sessions: 4,
      session: { user: "u" },
      auth: { type: "basic", ok: true },
      author: "x",
      auth_type: "basic",
    };
    expect(redact(open)).toEqual(open);
    expect(redact({ session: { token: "S3CRET" } })).toEqual({ session: { token: "[redacted]" } });
  });

  test("masks members of objects that stand in a text, as JSON or as consoles show them", () => {
    const body = { user: "bob", password: 'S3"CRET\\', pin: 1234, ok: true, none: null, max_tokens: 5, session: "S3CRET" };
    const masked = { ...body, password: "[redacted]", pin: "[redacted]", session: "[redacted]" };
    expect(redact(`login ${JSON.stringify(body)} x`)).toBe(`login ${JSON.stringify(masked)} x`);
    // In texts within texts there are more backslashes.
    const nested = (value: unknown) => JSON.stringify({ a: JSON.stringify({ b: JSON.stringify(value), c: "kept" }), d: "kept" });
    expect(redact(nested(body))).toBe(nested(masked));
    const texts: Record<string, string> = {
      "{ user: 'bob', password: 'S3CRET' }": "{ user: 'bob', password: '[redacted]' }",
      '"apiKey" : "S3CRET without an end': '"apiKey" : "[redacted]',
      "Cookie: a=S3CRET; b=S3CRET\r\nHost: h": "Cookie: [redacted]\r\nHost: h",
      'Unexpected token: "}" at 3': 'Unexpected token: "}" at 3',
      "password: 3 tries, then wait": "password: 3 tries, then wait",
      '{"tokens":"12","author":"x"}': '{"tokens":"12","author":"x"}',
    };
    for (const [text, clean] of Object.entries(texts)) expect(redact(text)).toBe(clean);
    const startedAtMs = performance.now();
    for (const part of ['"password":"', "password:'\\\\\\'", "\\", '\\"', '"password":1', "a:'", "cookie: a=", ": "])
      expect(redact(part.repeat(1_000_000 / part.length))).toBeDefined();
    // Some 500 ms; what looks from each beginning for an end takes minutes.
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  });

  test("masks entries whose name is a secret's: pairs of a list, and objects with a name and a value", () => {
    const open = {
      headers: [
        ["host", "h"],
        ["accept", "x"],
      ],
      missing: ["password", "email"],
      fields: [{ name: "user", value: "bob" }, { name: "token count", value: 5 }, { name: "password" }],
    };
    expect(redact(open)).toEqual(open);
    expect(redact({ headers: [...new Headers({ authorization: "S3CRET", host: "h" })] })).toEqual({
      headers: [
        ["authorization", "[redacted]"],
        ["host", "h"],
      ],
    });
    const label = { name: "X-Api-Key", value: "S3CRET", note: "n" };
    expect(redact([label, { key: "DB_PASSWORD", value: "S3CRET" }])).toEqual([
      { ...label, value: "[redacted]" },
      { key: "DB_PASSWORD", value: "[redacted]" },
    ]);
  });

  test("names of any length end soon, since a stranger may have chosen them", () => {
    const startedAtMs = performance.now();
    for (const name of ["A", "aA", "a.", "token_", "Ab"]) expect(redact({ [name.repeat(1_000_000 / name.length)]: 1 })).toBeDefined();
    expect(redact({ [`${"A".repeat(1_000_000)}Password`]: "S3CRET" })).toEqual({ [`${"A".repeat(1_000_000)}Password`]: "[redacted]" });
    // Some 500 ms; what looks from each capital to the last one takes an hour.
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  });

  test("masks secrets that are names of members, and keeps each member", () => {
    const token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    expect(redact({ seen: { [token]: 1, [`${token}a`]: 2, [`by ${token}`]: 3, plain: 4 } })).toEqual({
      seen: { "[redacted]": 1, "[redacted] 1": 2, "by [redacted]": 3, plain: 4 },
    });
  });

  test("reaches every depth, lists, toJSON and class instances", () => {
    class User {
      readonly name = "a";
      readonly passwordHash = "S3CRET";
    }
    const tricky = { toJSON: () => ({ token: "S3CRET", at: new Date(0) }) };
    const data = {
      list: [{ deep: { clientSecret: "S3CRET" } }],
      user: new User(),
      tricky,
      note: `Bearer S3CRET-abcdef`,
      ok: [1, true, null, "x"],
    };
    expect(redact(data)).toEqual({
      list: [{ deep: { clientSecret: "[redacted]" } }],
      user: { name: "a", passwordHash: "[redacted]" },
      tricky: { token: "[redacted]", at: "1970-01-01T00:00:00.000Z" },
      note: "Bearer [redacted]",
      ok: [1, true, null, "x"],
    });
  });

  test("does not touch the host's object, and gives JSON that is equal where nothing is secret", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: true } as object), (value) => {
        const before = JSON.stringify(value);
        const copy = redact(Object.freeze(value));
        expect(JSON.stringify(value)).toBe(before);
        if (!/redacted/.test(JSON.stringify(copy) ?? "")) expect(JSON.stringify(copy)).toBe(before);
      }),
    );
  });

  test("replaces what it cannot look into", () => {
    const circular: Record<string, unknown> = { password: "S3CRET" };
    circular.self = circular;
    let deep: unknown = { password: "S3CRET" };
    for (let i = 0; i < 5_000; i += 1) deep = { deep };
    const hostile = {
      get a() {
        throw new Error("S3CRET");
      },
      b: new Proxy(
        {},
        {
          ownKeys() {
            throw new Error("S3CRET");
          },
        },
      ),
    };
    const copies = JSON.stringify([redact(circular), redact(deep), redact(hostile)]);
    expect(copies).not.toContain("S3CRET");
    expect(copies).toContain('"self":"[circular]"');
    expect(copies).toContain("[too deep]");
    expect(copies).toContain('{"a":"[unreadable]","b":"[unreadable]"}');
  });

  test("keys, patterns and exceptions are the app's to add; flags and absent values stay", () => {
    expect(redact({ iban: "DE1", text: "card 4111", password: null, token: true }, { keys: ["IBAN"], patterns: [/\b4\d{3}\b/] })).toEqual({
      iban: "[redacted]",
      text: "card [redacted]",
      password: null,
      token: true,
    });
    expect(redact({ password: "x" }, { exceptTypes: ["log"] })).toEqual({ password: "x" });
  });

  test("a member called __proto__ stays a member", () => {
    const data = JSON.parse('{"__proto__":{"password":"x"},"a":1}') as object;
    expect(JSON.stringify(redact(data))).toBe('{"__proto__":{"password":"[redacted]"},"a":1}');
  });

  test("an event that cannot even be copied is left out by throwing", () => {
    expect(() => redactionPlugin().before?.(undefined as unknown as EmittedEvent)).toThrow();
  });
});

describe("sampling", () => {
  const count = (options: SamplingPluginOptions, event: (index: number) => EmittedEvent) =>
    Array.from({ length: 2_000 }, (_, index) => samplingPlugin(options).before?.(event(index))).filter(Boolean).length;

  test("keeps the given part, by type", () => {
    const kept = count({ rates: { log: 0.25 } }, () => ({ type: "log", data: { level: "info" } }));
    expect(kept).toBeGreaterThan(380);
    expect(kept).toBeLessThan(620);
    expect(count({ rates: { log: 0 } }, () => ({ type: "deploy", data: {} }))).toBe(2_000);
    expect(count({ rates: { log: 1 } }, () => ({ type: "log", data: {} }))).toBe(2_000);
    expect(count({ rates: { log: 0 } }, () => ({ type: "toString", data: null }))).toBe(2_000);
  });

  test("decides a trace as a whole, the same way everywhere", () => {
    const plugin = () => samplingPlugin({ rates: { log: 0.5, trace: 0.5 }, random: () => 0 });
    const decisions = Array.from({ length: 500 }, (_, index) => {
      const data = { traceId: `trace-${index}` };
      return [plugin().before?.({ type: "log", data }) !== null, plugin().before?.({ type: "trace", data }) !== null];
    });
    expect(decisions.every(([log, trace]) => log === trace)).toBe(true);
    const kept = decisions.filter(([log]) => log).length;
    expect(kept).toBeGreaterThan(190);
    expect(kept).toBeLessThan(310);
  });

  test.each([undefined, () => false])("keeps every error, whatever its level is called, whatever else the app keeps", (keep) => {
    const plugin = samplingPlugin({ rates: { log: 0, error: 0, audit: 0 }, keep });
    for (const level of ["error", "ERROR", "err", "Critical", "fatal", "alert", "EMERGENCY"])
      expect(plugin.before?.({ type: "log", data: { level } }), level).not.toBeNull();
    for (const level of ["warn", "info", "notice", "", undefined, 50]) expect(plugin.before?.({ type: "log", data: { level } })).toBeNull();
    expect(plugin.before?.({ type: "error", data: { name: "E", message: "m" } })).not.toBeNull();
    expect(plugin.before?.({ type: "error", data: "text" })).not.toBeNull();
    expect(plugin.before?.({ type: "audit", data: { statusCode: 500 } })).not.toBeNull();
  });

  test("keeps failures, or what the app says", () => {
    const plugin = samplingPlugin({ rates: { audit: 0, log: 0 } });
    expect(plugin.before?.({ type: "audit", data: { statusCode: 503 } })).not.toBeNull();
    expect(plugin.before?.({ type: "audit", data: { statusCode: 404 } })).toBeNull();
    expect(plugin.before?.({ type: "log", data: "text" })).toBeNull();
    expect(samplingPlugin({ rates: { log: 0 }, keep: () => true }).before?.({ type: "log", data: {} })).not.toBeNull();
  });
});

describe("enrichment", () => {
  const enrich = (options: Parameters<typeof enrichmentPlugin>[0], event: EmittedEvent) => enrichmentPlugin(options).before?.(event)?.data;

  test("adds fields and labels where the event has none", () => {
    const event = { type: "error", data: { service: "own", release: undefined, tags: { a: "own" } } };
    expect(enrich({ fields: { service: "s", release: "r" }, tags: { a: "x", b: "y" } }, event)).toEqual({
      service: "own",
      release: "r",
      tags: { a: "own", b: "y" },
    });
    expect(event.data).toEqual({ service: "own", release: undefined, tags: { a: "own" } });
  });

  test("adds to what an object says of itself by toJSON, and brings nothing out that it hides", () => {
    const hiding = (shown: unknown) => ({ id: 7, passwordHash: "S3CRET", toJSON: () => shown });
    const options = { fields: { service: "api" }, tags: { a: "x" } };
    expect(enrich(options, { type: "audit", data: hiding({ id: 7, tags: hiding({ b: "y" }) }) })).toEqual({
      service: "api",
      id: 7,
      tags: { a: "x", b: "y" },
    });
    const dated = new Date(0);
    expect(enrich(options, { type: "audit", data: dated })).toBe(dated);
  });

  test("may be a function and for some types only; other data is left alone", () => {
    const fields = (event: EmittedEvent) => ({ kind: event.type });
    expect(enrich({ fields }, { type: "log", data: {} })).toEqual({ kind: "log" });
    expect(enrich({ fields, types: ["error"] }, { type: "log", data: {} })).toEqual({});
    expect(enrich({ fields }, { type: "log", data: "text" })).toBe("text");
    expect(enrich({ fields: () => undefined }, { type: "log", data: { a: 1 } })).toEqual({ a: 1 });
  });
});

test("sampling without rates keeps everything", () => {
  const event = { type: "log", data: { level: "info" } };
  expect(samplingPlugin({}).before?.(event)).toBe(event);
  expect(samplingPlugin().before?.(event)).toBe(event);
});
