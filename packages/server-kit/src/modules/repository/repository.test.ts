import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { repository } from "./repository.ts";

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(repository());
});
afterEach(() => bench.close());

const commits = async (query: object = {}): Promise<unknown[]> =>
  (await bench.call<EventPage>("listRepositoryEvents", "p1", { query })).events.map(({ data }) => data.commit ?? data.tag);

describe("the repository module", () => {
  test("filters by repository, branch, author, commit and kind; a commit is the default kind", async () => {
    const base = { provider: "github", repo: "acme/api", branch: "main", author: "alice" };
    await bench.send("p1", [
      { ...base, commit: "ab12cd34" },
      { ...base, commit: "ff00ff00", author: "bob", branch: "next" },
      { provider: "github", repo: "acme/web", kind: "tag", tag: "v1.0.0" },
    ]);
    expect(await commits()).toEqual(["v1.0.0", "ff00ff00", "ab12cd34"]);
    expect(await commits({ repo: "acme/web" })).toEqual(["v1.0.0"]);
    expect(await commits({ branch: "next" })).toEqual(["ff00ff00"]);
    expect(await commits({ author: "alice" })).toEqual(["ab12cd34"]);
    expect(await commits({ commit: "ff00ff00" })).toEqual(["ff00ff00"]);
    expect(await commits({ kind: "commit" })).toEqual(["ff00ff00", "ab12cd34"]);
    expect(await commits({ kind: "tag" })).toEqual(["v1.0.0"]);
  });

  test("old commits are kept: retention is off unless asked for", () => {
    expect(repository().retention[0]?.days).toBe(0);
    expect(repository({ retentionDays: 400 }).retention[0]?.days).toBe(400);
  });
});
