// The costs plugin: many small charges (a model call, a message, a gigabyte) become one `cost` event a minute for each thing that was paid for.
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { uuid } from "../uuid.ts";
import { formatDecimal, parseDecimal } from "./decimal.ts";

/** One charge, as `track` takes it. */
export interface Charge {
  /** gcp, aws, openai, ... */
  readonly provider: string;
  /** What was paid for: a product, a model. */
  readonly service: string;
  /** A number or a decimal string; credits are negative. */
  readonly amount: number | string;
  /** ISO 4217 code. @default "USD" */
  readonly currency?: string | undefined;
  readonly region?: string | undefined;
  /** Month `2026-04` or day `2026-04-27`. @default the current day, UTC */
  readonly period?: string | undefined;
  readonly account?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly sku?: string | undefined;
  /** Quantity used, such as tokens. */
  readonly usage?: number | undefined;
  readonly usageUnit?: string | undefined;
  /** Labels for attribution; keep their values few. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

export interface CostsPluginOptions {
  /** How long charges are summed up. Units: ms. @default 60_000 */
  readonly intervalMs?: number | undefined;
  /** Different things that are kept apart in one interval; the rest is summed as service `other`. @default 1000 */
  readonly maxKeys?: number | undefined;
  /** Labels of every event. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** The plugin, and what is charged to it. */
export interface CostsPlugin extends CuittyPlugin {
  /** Adds a charge, also before `start`. False when it is not valid; never throws. */
  track(charge: Charge): boolean;
}

/** What charges have in common that are summed up. */
type CostKey = Omit<Charge, "amount" | "usage" | "tags"> & {
  readonly currency: string;
  readonly period: string;
  readonly tags: Charge["tags"];
};

interface Sum {
  readonly key: CostKey;
  units: bigint;
  usage: number | undefined;
}

const other = "other";

/**
 * Trigger: a timer (a minute) that holds nothing, `flush` and shutdown; each sends what was tracked since.
 *
 * Expected event, after two calls of `costs.track({ provider: "openai", service: "gpt", amount: 0.1, usage: 400, usageUnit: "tokens" })`:
 * ```json
 * { "type": "cost", "data": { "provider": "openai", "service": "gpt", "amount": 0.2, "currency": "USD", "period": "2026-04-27",
 *   "usage": 800, "usageUnit": "tokens", "chargeId": "5f0c...-1" } }
 * ```
 * Sums are exact (no binary rounding), currencies are never added together, and each event has a `chargeId` of its own, so that those of several
 * processes and minutes add up.
 */
export function costsPlugin(options: CostsPluginOptions = {}): CostsPlugin {
  const { intervalMs = 60_000, maxKeys = 1_000 } = options;
  const sums = new Map<string, Sum>();
  let context: PluginContext | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let instance = "";
  let count = 0;
  let isClosed = false;

  function track(charge: Charge): boolean {
    try {
      const units = parseDecimal(charge.amount);
      const key = keyOf(charge, context?.now() ?? Date.now());
      if (isClosed || units === undefined || key === undefined) {
        if (!isClosed) context?.debug("costs: a charge without provider, service, a decimal amount or a currency code was left out");
        return false;
      }
      add(key, units, charge.usage);
      return true;
    } catch {
      // An object that cannot be read is no charge.
      return false;
    }
  }

  function add(key: CostKey, units: bigint, usage: number | undefined): void {
    const name = JSON.stringify(key);
    const isFull = sums.size >= maxKeys && !sums.has(name);
    const kept = isFull ? { provider: other, service: other, currency: key.currency, period: key.period, tags: undefined } : key;
    const keptName = isFull ? JSON.stringify(kept) : name;
    const sum = sums.get(keptName) ?? { key: kept, units: 0n, usage: undefined };
    sum.units += units;
    // Quantities of different units cannot be added.
    if (typeof usage === "number" && Number.isFinite(usage) && !isFull) sum.usage = (sum.usage ?? 0) + usage;
    sums.set(keptName, sum);
  }

  function send(): void {
    if (context === undefined) return;
    const pending = [...sums.values()];
    sums.clear();
    for (const { key, units, usage } of pending) {
      count += 1;
      const tags = key.tags === undefined && options.tags === undefined ? undefined : { ...options.tags, ...key.tags };
      context.emit({ type: "cost", data: { ...key, amount: formatDecimal(units), usage, tags, chargeId: `${instance}-${count}` } });
    }
  }

  return {
    name: "costs",
    track,
    setup(given) {
      clearInterval(timer);
      context = given;
      isClosed = false;
      instance ||= uuid();
      timer = setInterval(send, intervalMs);
      (timer as { unref?(): void }).unref?.();
    },
    flush: send,
    teardown() {
      send();
      clearInterval(timer);
      // Before the first start charges wait; after the end nobody would send them.
      isClosed = context !== undefined;
      context = undefined;
    },
  };
}

function keyOf(charge: Charge, nowMs: number): CostKey | undefined {
  const { provider, service, region, account, resourceId, sku, usageUnit, tags } = charge;
  const currency = String(charge.currency ?? "USD").toUpperCase();
  const period = charge.period ?? new Date(nowMs).toISOString().slice(0, 10);
  const isNamed = typeof provider === "string" && provider !== "" && typeof service === "string" && service !== "";
  if (!isNamed || !/^[A-Z]{3}$/.test(currency) || !/^\d{4}-\d\d(?:-\d\d)?$/.test(period)) return undefined;
  return { provider, service, region, currency, period, account, resourceId, sku, usageUnit, tags: tags && sorted(tags) };
}

function sorted(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)));
}
