// Runs one bench in a process of its own: bench/src/<name>.ts exports `run({ quick, json, check })`.
import { pathToFileURL } from "node:url";

interface BenchModule {
  run(options: { readonly quick: boolean; readonly json: boolean; readonly check: boolean }): Promise<{ readonly ok: boolean }>;
}

const [name = "", ...flags] = process.argv.slice(2);
const file = pathToFileURL(`${import.meta.dirname}/../bench/src/${name}.ts`);
const bench = (await import(file.href)) as BenchModule;
const options = { quick: flags.includes("--quick"), json: flags.includes("--json"), check: flags.includes("--check") };
const { ok } = await bench.run(options);
// A floor that was missed fails the run only where floors are what was asked for; something left running must not keep it.
process.exit(ok || !options.check ? 0 : 1);
