import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { logs } from "./logs.ts";

const line = (message: string, extra: object = {}): object => ({ level: "info", message, ...extra });

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(logs({ search: true }));
});
afterEach(() => bench.close());

const found = async (q: string): Promise<string> =>
  (await bench.call<EventPage>("searchLogs", "p1", { query: { q } })).events
    .map(({ data }) => data.message)
    .sort()
    .join();

describe("conditions typed into a search", () => {
  beforeEach(async () => {
    await bench.send(
      "p1",
      [
        line("a", { level: "error", service: "api", module: "cart", traceId: "t1", fields: { code: "x" } }),
        line("b", { level: "warn", service: "my api", module: "a b" }),
        line("c"),
      ],
      { tsMs: Date.now() - 3_600_000 },
    );
  });

  test.each([
    ["-level:error", "b,c"],
    ["-level>=warn", "c"],
    ["-service:api", "b,c"],
    ["-module:cart", "b,c"],
    ["-trace:t1", "b,c"],
    ["-field.code=x", "b,c"],
    ["-since:30m", "a,b,c"],
    ["-since:2h", ""],
    ['-level:error -service:"my api"', "c"],
    ["-level:error b", "b"],
    ["-b -level:error", "c"],
  ])("%s holds where the condition does not, also for records without such a value", async (q, messages) => {
    expect(await found(q)).toBe(messages);
  });

  test.each([
    ['service:"my api"', "b"],
    ['service:"my api" level:warn', "b"],
    ['service:"api"', "a"],
    ['module:"a b"', "b"],
    ['service:"my api', "b"],
    ['service:"my', ""],
    ['service:""', ""],
    ['level>="warn"', "a,b"],
  ])("%s has a quoted value", async (q, messages) => {
    expect(await found(q)).toBe(messages);
  });

  test.each([
    ["LEVEL:error", "a"],
    ["Level>=WARN", "a,b"],
    ["SERVICE:api", "a"],
    ["Trace:t1", "a"],
    ["FIELD.code=x", "a"],
    ["field.CODE=x", ""],
    ["Since:2h", "a,b,c"],
    ["service=api", "a"],
    ["field.code:x", "a"],
  ])("%s: names count in any case, the names of fields as they are, and : is =", async (q, messages) => {
    expect(await found(q)).toBe(messages);
  });

  test.each(["service>=api", "field.code>=1", "-since>=1h"])("%s, which has no meaning, is refused with what to write", async (q) => {
    await expect(found(q)).rejects.toMatchObject({ code: "invalid_request", message: expect.stringMatching(/^q: .*level/) });
  });
});

describe("values of fields", () => {
  test.each([
    ["true", "bool,text true"],
    ["false", "not"],
    ["null", "nothing"],
    ["1", "one,text 1"],
    ["0", "zero"],
    ["1.50", "half"],
    ["-2e3", "minus"],
    ["1e21", "large"],
    ["text", "text"],
    ["integer", ""],
    ['["a",1]', "list"],
    ["", ""],
  ])("field.v=%s is compared as the JSON that it is, or as text", async (value, messages) => {
    const values = {
      bool: true,
      "text true": "true",
      not: false,
      nothing: null,
      one: 1,
      "text 1": "1",
      zero: 0,
      half: 1.5,
      minus: -2000,
      large: 1e21,
      text: "text",
      list: ["a", 1],
    };
    await bench.send("p1", [line("none"), ...Object.entries(values).map(([message, v]) => line(message, { fields: { v } }))]);
    expect(await found(`field.v=${value === "" ? '""' : value}`)).toBe(messages);
  });

  test("are found past a record whose JSON is damaged", async () => {
    await bench.send("p1", [line("a", { fields: { v: 1 } }), line("b", { fields: { v: 1 } })]);
    expect(await found("field.v=1")).toBe("a,b");
    await bench.file.transact((tx) => tx.run("UPDATE logs_events SET data = '{' WHERE seq = 1"));
    expect(await found("field.v=1")).toBe("b");
  });
});
