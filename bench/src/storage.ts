// Storage: grouped writes against one transaction a request, then Drizzle on Honker against drizzle-better-sqlite3.
import { measureWrites, WRITE_FLOOR } from "./storage/writes.ts";
import { run as runDrizzle } from "./storage-drizzle.ts";

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly check: boolean;
}

/** Prints both comparisons; `ok` is false when a floor is missed. */
export async function run(options: Options): Promise<{ ok: boolean }> {
  const { quick, json } = options;
  const writes = await measureWrites(quick ? 7 : 15, quick ? 64 : 128);
  const isFast = writes.ratio >= WRITE_FLOOR;
  if (json) console.log(JSON.stringify({ bench: "storage-writes", synchronous: "FULL", floor: WRITE_FLOOR, ...writes }, null, 2));
  else {
    console.log(
      "Module file and better-sqlite3 by hand: requests of 100 rows with an inbox row, synchronous FULL on both, medians a second",
    );
    const figures = `module file ${writes.kitPerSecond.toFixed(0).padStart(6)}  by hand ${writes.byHandPerSecond.toFixed(0).padStart(6)}`;
    console.log(`${"grouped writes".padEnd(26)} ${figures}  ratio ${writes.ratio.toFixed(2)}x  (at least ${WRITE_FLOOR}x)\n`);
  }
  const drizzle = await runDrizzle(options);
  return { ok: isFast && drizzle.ok };
}
