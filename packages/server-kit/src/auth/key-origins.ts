// The origins that publishable keys may be used from. Preflights ask for them, which carry no key: anybody's question must cost next to nothing.
import type { Clock } from "../clock.ts";
import { KEY_IS_LIVE, KEY_OWNERS } from "./key-records.ts";
import type { Driver } from "./system.ts";

export interface KeyOrigins {
  /** Whether some live publishable key may be used from there. */
  has(origin: string): boolean;
  /** After any change of keys or projects. */
  forget(): void;
}

/** What changes elsewhere, such as an account that is closed, is seen after so long. */
const ttlMs = 30_000;

const originsSql = `SELECT o.value, max(coalesce(k.expires_at, 9e15)) FROM api_keys k ${KEY_OWNERS} JOIN json_each(k.metadata, '$.origins') o
  WHERE json_extract(k.metadata, '$.kind') = 'pk' AND ${KEY_IS_LIVE} GROUP BY o.value`;

/** All of them in memory, read at most once in a while: a look into the table for each origin that is asked for would let strangers keep it busy. */
export function createKeyOrigins(driver: Driver, clock: Clock): KeyOrigins {
  /** Origin to the end of the last key that has it. Units: Unix s. */
  let endByOrigin = new Map<string, number>();
  let readAgainMs = Number.NEGATIVE_INFINITY;

  function isLive(origin: string, nowSeconds: number): boolean {
    return (endByOrigin.get(origin) ?? 0) > nowSeconds;
  }

  return {
    has(origin) {
      const nowMs = clock();
      if (nowMs >= readAgainMs) {
        const rows = driver.prepare(originsSql).all([Math.floor(nowMs / 1000)]);
        endByOrigin = new Map(rows.map(([name, end]) => [String(name), Number(end)]));
        readAgainMs = nowMs + ttlMs;
      }
      return isLive(origin, nowMs / 1000) || isLive("*", nowMs / 1000);
    },
    forget() {
      readAgainMs = Number.NEGATIVE_INFINITY;
    },
  };
}
