import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Identity, openIdentity } from "./open-identity.ts";

const startMs = Date.parse("2026-04-27T12:00:00Z");
let folder: string;
let identity: Identity;
let nowMs: number;
beforeEach(async () => {
  nowMs = startMs;
  folder = await mkdtemp(join(tmpdir(), "cuitty-origins-"));
  identity = await openIdentity({ dataDir: folder, clock: () => nowMs, environment: {} });
});
afterEach(async () => {
  identity.close();
  await rm(folder, { recursive: true, force: true });
});

function issue(origins: readonly string[], expiresInSeconds?: number) {
  const { projectId, organizationId, accountId } = owner;
  const expiresAt = expiresInSeconds === undefined ? null : nowMs / 1000 + expiresInSeconds;
  const actor = { accountId, subjectId: accountId };
  return identity.keys.issue({ projectId, organizationId, name: null, kind: "pk", scopes: ["ingest"], origins, expiresAt }, actor).record;
}

let owner: ReturnType<Identity["bootstrap"]>;
beforeEach(() => {
  owner = identity.bootstrap({ email: "ops@example.com", organization: "Acme" });
});

test("preflights of a thousand origins that no key has cost one look into the keys", () => {
  issue(["https://app.example"]);
  const prepare = vi.spyOn(identity.driver, "prepare");
  for (let index = 0; index < 1_000; index += 1) expect(identity.keys.knowsOrigin(`https://${index}.evil.example`)).toBe(false);
  expect(identity.keys.knowsOrigin("https://app.example")).toBe(true);
  expect(prepare).toHaveBeenCalledTimes(1);
});

test("an origin is known as long as some key that has it is live, and from the moment that one is made", () => {
  const { knowsOrigin } = identity.keys;
  expect(knowsOrigin("https://app.example")).toBe(false);
  const first = issue(["https://app.example"], 10);
  const second = issue(["https://app.example", "https://other.example"], 60);
  expect(["https://app.example", "https://other.example", "constructor"].map(knowsOrigin)).toEqual([true, true, false]);
  nowMs += 11_000;
  expect(knowsOrigin("https://app.example")).toBe(true);
  nowMs += 50_000;
  expect(knowsOrigin("https://app.example")).toBe(false);
  const third = issue(["*"]);
  expect(knowsOrigin("https://anywhere.example")).toBe(true);
  for (const { id } of [first, second, third]) identity.keys.revoke(owner.projectId, id, { accountId: owner.accountId, subjectId: "test" });
  expect(knowsOrigin("https://anywhere.example")).toBe(false);
});
