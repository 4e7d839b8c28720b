// The costs plugin: exact sums, apart by what was paid for, bounded.
import { Value } from "@sinclair/typebox/value";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { costSchema } from "../../../wire-protocol/src/events/cost.ts";
import { type Charge, type CostsPluginOptions, costsPlugin } from "./costs.ts";
import { formatDecimal, parseDecimal } from "./decimal.ts";
import { createPluginHarness, testPlugin } from "./plugin-suite.ts";

const call: Charge = { provider: "openai", service: "gpt", amount: 0.1, usage: 400, usageUnit: "tokens", period: "2026-04-27" };

testPlugin({
  file: "costs",
  create: () => costsPlugin(),
  trigger(plugin) {
    const costs = plugin as ReturnType<typeof costsPlugin>;
    costs.track(call);
    costs.track(call);
    costs.flush?.();
  },
  expected: {
    type: "cost",
    data: {
      provider: "openai",
      service: "gpt",
      amount: 0.2,
      currency: "USD",
      period: "2026-04-27",
      usage: 800,
      usageUnit: "tokens",
      chargeId: expect.stringMatching(/^[0-9a-f-]{36}-1$/),
    },
  },
});

function tracked(charges: readonly Charge[], options: CostsPluginOptions = {}) {
  const harness = createPluginHarness({ now: () => Date.UTC(2026, 3, 27, 23, 59) });
  const costs = costsPlugin(options);
  costs.setup?.(harness.context);
  const results = charges.map((charge) => costs.track(charge));
  costs.flush?.();
  costs.teardown?.();
  return { data: harness.events.map((event) => event.data), results, debugLines: harness.debugLines };
}

test("three thousand tenths are three hundred", () => {
  const { data } = tracked(Array.from({ length: 3_000 }, () => ({ ...call, amount: 0.1 })));
  expect(data).toMatchObject([{ amount: 300, usage: 1_200_000 }]);
  expect(Value.Check(costSchema, data[0])).toBe(true);
});

test("currencies, periods, regions, labels and providers stay apart", () => {
  const { data } = tracked([
    call,
    { ...call, currency: "eur" },
    { ...call, period: "2026-04" },
    { ...call, region: "eu" },
    { ...call, tags: { team: "a", app: "b" } },
    { ...call, tags: { app: "b", team: "a" } },
    { ...call, provider: "aws" },
  ]);
  expect(data.map(({ amount, currency }) => [amount, currency])).toEqual([
    [0.1, "USD"],
    [0.1, "EUR"],
    [0.1, "USD"],
    [0.1, "USD"],
    [0.2, "USD"],
    [0.1, "USD"],
  ]);
  expect(new Set(data.map(({ chargeId }) => chargeId)).size).toBe(6);
});

test("the period is the day of the charge, UTC", () => {
  expect(tracked([{ provider: "aws", service: "s3", amount: "1.000000000001" }]).data).toMatchObject([
    { period: "2026-04-27", amount: 1.000000000001 },
  ]);
});

test("beyond the bound everything is summed as other, by currency, without losing money", () => {
  const charges = Array.from({ length: 50 }, (_, index) => ({
    ...call,
    service: `s${index}`,
    amount: 1,
    currency: index % 2 ? "USD" : "EUR",
  }));
  const { data } = tracked(charges, { maxKeys: 10, tags: { team: "core" } });
  expect(data).toHaveLength(12);
  expect(data.slice(10)).toMatchObject([
    { provider: "other", service: "other", currency: "EUR", amount: 20, tags: { team: "core" } },
    { provider: "other", service: "other", currency: "USD", amount: 20 },
  ]);
  expect(data[10]?.usage).toBeUndefined();
});

test("what is no charge is refused and said, never thrown", () => {
  const bad = [
    undefined,
    null,
    {},
    { ...call, amount: Number.NaN },
    { ...call, amount: "ten" },
    { ...call, provider: "" },
    { ...call, currency: "dollars" },
    { ...call, period: "May" },
    { ...call, amount: "1e300" },
  ];
  const { data, results } = tracked(bad as Charge[]);
  expect([data, results.every((result) => !result)]).toEqual([[], true]);
});

test("charges before start wait; those after the end are refused", () => {
  const harness = createPluginHarness();
  const costs = costsPlugin();
  expect(costs.track(call)).toBe(true);
  costs.setup?.(harness.context);
  costs.teardown?.();
  expect(harness.events).toMatchObject([{ data: { amount: 0.1 } }]);
  expect(costs.track(call)).toBe(false);
});

test("the timer sends without being asked", async () => {
  const harness = createPluginHarness();
  const costs = costsPlugin({ intervalMs: 20 });
  costs.setup?.(harness.context);
  costs.track(call);
  await new Promise((resolve) => setTimeout(resolve, 80));
  costs.teardown?.();
  expect(harness.events).toHaveLength(1);
});

test("decimals are read and written exactly", () => {
  for (const [text, out] of [
    ["1234.56", 1234.56],
    ["-0.000000000000000001", "-0.000000000000000001"],
    ["20.52022672899", 20.52022672899],
    ["1e-7", "0.0000001"],
    [1e21, "1000000000000000000000"],
    [5e-7, "0.0000005"],
    ["12345678901234567890.12", "12345678901234567890.12"],
    ["007.50", 7.5],
    ["-0", 0],
  ] as const) {
    expect(formatDecimal(parseDecimal(text) as bigint)).toBe(out);
  }
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), (units) => {
      expect(parseDecimal(formatDecimal(units))).toBe(units);
    }),
  );
});

test("charges are told on pages without TLS, too, where the platform makes no UUIDs", () => {
  const { getRandomValues } = crypto;
  vi.stubGlobal("crypto", { getRandomValues: getRandomValues.bind(crypto) });
  try {
    const harness = createPluginHarness();
    const costs = costsPlugin();
    costs.setup?.(harness.context);
    costs.track(call);
    costs.teardown?.();
    expect(harness.events.map(({ data }) => data.chargeId)).toEqual([expect.stringMatching(/^[0-9a-f-]{36}-1$/)]);
  } finally {
    vi.unstubAllGlobals();
  }
});
