// Runs the contract cases on whatever runs this file, against the server named in argv, and prints what failed.
import { cases } from "./cases.ts";

const url = process.argv[2] ?? "";
const seen = async (project: string) => (await fetch(`${url}/seen/${encodeURIComponent(project)}`)).json();
const failures: string[] = [];
for (const [name, run] of Object.entries(cases)) {
  await run({ url, seen }).catch((error) => failures.push(`${name}: ${error}`));
}
console.log(JSON.stringify({ cases: Object.keys(cases).length, failures }));
