// Runs one torture in a process of its own: test/torture/<name>.torture.ts exports `run({ quick, seed, log })`.
import { pathToFileURL } from "node:url";

interface TortureResult {
  readonly name: string;
  readonly runs: number;
  readonly violations: number;
  readonly invariant: string;
}

interface TortureModule {
  run(options: { readonly quick: boolean; readonly seed: number; log(line: string): void }): Promise<TortureResult>;
}

const [name = "", seedText = "0", ...flags] = process.argv.slice(2);
const seed = Number(seedText);
const began = performance.now();
const again = `npm run torture -- ${name} --seed ${seed}${flags.includes("--quick") ? " --quick" : ""}`;
console.log(`torture ${name}: seed ${seed}`);
try {
  const file = pathToFileURL(`${import.meta.dirname}/../test/torture/${name}.torture.ts`);
  const torture = (await import(file.href)) as TortureModule;
  const result = await torture.run({ quick: flags.includes("--quick"), seed, log: (line) => console.log(`  ${line}`) });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`torture ${result.name}: ${result.runs} runs, ${result.violations} violations in ${seconds} s; ${result.invariant}`);
  if (result.violations > 0) console.log(`again with: ${again}`);
  process.exit(result.violations === 0 ? 0 : 1);
} catch (error) {
  console.error(error);
  console.log(`torture ${name}: failed; again with: ${again}`);
  process.exit(1);
}
