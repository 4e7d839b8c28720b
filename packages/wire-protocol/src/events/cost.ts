// Data of a `cost` event: what one service cost in one period.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, number, stringMap, text } from "./fields.ts";

const amount = Type.Union([Type.Number(), Type.String({ pattern: "^-?\\d{1,30}(\\.\\d{1,18})?$" })], {
  description: "Amount in `currency`. A decimal string keeps every digit; credits are negative.",
  "x-expected": "a number or a decimal string",
});

/** Source: wire protocol, "cost". Without `id` fields a charge is known by provider, account, service, region, resource, sku, category and period: sending it again replaces it. */
export const costSchema = Type.Object(
  {
    provider: identifier("gcp, aws, azure, digitalocean, ..."),
    service: identifier("Service that was paid for."),
    region: Type.Optional(text("Region.")),
    amount,
    currency: identifier("ISO 4217 code."),
    period: identifier("Month `2026-04` or day `2026-04-27`."),
    chargeId: Type.Optional(text("Identity of the charge at its origin; wins over the natural key.")),
    account: Type.Optional(text("Billing account or subscription.")),
    resourceId: Type.Optional(text("Resource that was paid for.")),
    sku: Type.Optional(text("Stock keeping unit.")),
    category: Type.Optional(text("Usage, Purchase, Tax, Credit or Adjustment (FOCUS).")),
    periodStart: Type.Optional(text("RFC 3339, inclusive.")),
    periodEnd: Type.Optional(text("RFC 3339, exclusive.")),
    effectiveAmount: Type.Optional(amount),
    listAmount: Type.Optional(amount),
    usage: Type.Optional(number("Quantity used, in `usageUnit`.")),
    usageUnit: Type.Optional(text("Unit of `usage`.")),
    batch: Type.Optional(text("Import this row came with.")),
    tags: Type.Optional(stringMap("Labels for attribution, such as team.")),
  },
  { title: "CostData", description: "What one service cost in one period." },
);

export type CostData = Static<typeof costSchema>;
