// Ids: UUIDv7 for events and requests, so that new rows land at the end of their index.
import type { Clock, RandomBytes } from "./clock.ts";

const poolBytes = 4_096;
const hexByByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * A maker of UUIDv7: within one maker ids sort in the order they were made (a 12-bit counter within the millisecond), also when the clock
 * steps back. Random bytes are drawn from a pool, as one call of the generator costs more than the id.
 * **Source**: RFC 9562 section 5.7 and 6.2, method 1.
 */
export function uuidV7Maker(clock: Clock, random: RandomBytes): () => string {
  let pool: Uint8Array = new Uint8Array(0);
  let offset = 0;
  let lastMs = 0;
  let counter = 0;

  function nextBytes(): number {
    if (offset + 8 > pool.length) {
      pool = random(poolBytes);
      offset = 0;
    }
    const start = offset;
    offset += 8;
    return start;
  }

  return () => {
    const nowMs = clock();
    const start = nextBytes();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      // The upper bit stays free, so that a burst within one millisecond has 2,048 steps at least.
      counter = (((pool[start] as number) << 8) | (pool[start + 1] as number)) & 0x7ff;
    } else {
      counter += 1;
      if (counter > 0xfff) {
        lastMs += 1;
        counter = 0;
      }
    }
    return formatUuid(lastMs, counter, pool, start);
  };
}

function formatUuid(ms: number, counter: number, pool: Uint8Array, start: number): string {
  const time = ms.toString(16).padStart(12, "0");
  const byte = (index: number) => hexByByte[pool[start + index] as number] as string;
  const variant = hexByByte[((pool[start + 2] as number) & 0x3f) | 0x80] as string;
  const node = byte(3) + byte(4) + byte(5) + byte(6) + byte(7) + byte(1);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, "0")}-${variant}${byte(0)}-${node}`;
}
