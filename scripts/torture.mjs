// `npm run torture -- [name] [--quick] [--seed S]`: faults, kills and fuzz until an invariant breaks; without a name, all of them.
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { optionOf, root, run } from "./lib/workspace.mjs";

const suffix = ".torture.ts";
const args = process.argv.slice(2);
const seedText = optionOf(args, "seed");
const seed = seedText === undefined ? randomInt(2 ** 31) : Number(seedText);
const names = readdirSync(join(root, "test", "torture"))
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
  .sort();
const name = args.find((argument, index) => !argument.startsWith("-") && args[index - 1] !== "--seed");
const unknownFlag = args.find((argument) => argument.startsWith("-") && argument !== "--quick" && !/^--seed(=|$)/.test(argument));

if (unknownFlag !== undefined || (name !== undefined && !names.includes(name)) || !Number.isSafeInteger(seed) || seed < 0) {
  if (unknownFlag !== undefined) console.error(`torture: unknown option ${unknownFlag}`);
  else if (name !== undefined && !names.includes(name)) console.error(`torture: there is no torture "${name}"`);
  else console.error(`torture: expected a whole number as seed, got "${seedText}"`);
  console.error(`usage: npm run torture -- [${names.join("|")}] [--quick] [--seed S]`);
  process.exit(2);
}

const runner = ["--conditions=@cuitty/source", "--expose-gc", "--import", "tsx", join(root, "scripts", "run-torture.ts")];
for (const each of name === undefined ? names : [name]) {
  // A process each: one torture must not hide what another left behind.
  const { code } = await run("node", [...runner, each, String(seed), ...(args.includes("--quick") ? ["--quick"] : [])], { cwd: root });
  if (code !== 0) process.exit(1);
}
