// Runs the contract cases in a page; the test that opened it reads `window.outcome`.
import { cases } from "./cases.ts";

const url = new URLSearchParams(location.search).get("server") ?? "";
const seen = async (project: string) => (await fetch(`${url}/seen/${encodeURIComponent(project)}`)).json();
const failures: string[] = [];
for (const [name, run] of Object.entries(cases)) {
  await run({ url, seen }).catch((error) => failures.push(`${name}: ${error}`));
}
(globalThis as { outcome?: unknown }).outcome = { cases: Object.keys(cases).length, failures, isSecure: isSecureContext };
