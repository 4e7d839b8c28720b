// Exact sums of money: decimals as whole numbers of 10^-18.

const digits = 18;
const one = 10n ** BigInt(digits);

/** A decimal in units of 10^-18, or undefined for what is no finite decimal of at most 30 digits before the point. Finer digits are cut. */
export function parseDecimal(value: unknown): bigint | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") return undefined;
  const match = /^([+-]?)(\d{1,60})(?:\.(\d{0,120}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const shift = Number(exponent) + digits - fraction.length;
  const all = BigInt(whole + fraction);
  if (shift > 120) return undefined;
  const units = shift >= 0 ? all * 10n ** BigInt(shift) : all / 10n ** BigInt(-shift);
  if (units >= 10n ** 30n * one) return undefined;
  return sign === "-" ? -units : units;
}

/** A number where one says exactly the same, else a decimal string. */
export function formatDecimal(units: bigint): number | string {
  const isNegative = units < 0n;
  const all = (isNegative ? -units : units).toString().padStart(digits + 1, "0");
  const fraction = all.slice(-digits).replace(/0+$/, "");
  const text = `${isNegative ? "-" : ""}${all.slice(0, -digits)}${fraction === "" ? "" : `.${fraction}`}`;
  return String(Number(text)) === text ? Number(text) : text;
}
