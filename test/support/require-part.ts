// Real parts that a machine may lack (strace, Chromium, python3 …): a visible skip by default, a failure when CUITTY_REQUIRE asks for them.
import { spawnSync } from "node:child_process";

/** True when the part is there. Errors: throws when it is missing and CUITTY_REQUIRE is `all` or lists it. */
export function hasPart(name: string, isThere: boolean, howToGet: string): boolean {
  if (isThere) return true;
  const required = process.env.CUITTY_REQUIRE?.split(",") ?? [];
  if (required.includes("all") || required.includes(name))
    throw new Error(`${name} is required by CUITTY_REQUIRE and missing: ${howToGet}`);
  console.warn(`skipped: ${name} is missing (${howToGet})`);
  return false;
}

/** Whether a program can be started. */
export function hasCommand(command: string, ...args: string[]): boolean {
  return spawnSync(command, args.length > 0 ? args : ["--version"], { stdio: "ignore" }).error === undefined;
}
