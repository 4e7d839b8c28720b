// The most common mistake in mounting a kit, told where it is made instead of at the first request.
import { CuittyError } from "@cuitty/wire-protocol";
import type { MountableKit } from "./node-handler.ts";

/** Errors: `invalid_option` for what is no kit, a promise of one first of all. */
export function assertKit(kit: MountableKit): void {
  if (typeof kit?.handle === "function" && typeof kit.owns === "function") return;
  const isPromise = typeof (kit as unknown as PromiseLike<unknown> | undefined)?.then === "function";
  const hint = isPromise ? "got a promise: write `await createServerKit(…)`" : "make one with `await createServerKit(…)`";
  throw new CuittyError("invalid_option", `Expected a kit to mount; ${hint}`);
}
