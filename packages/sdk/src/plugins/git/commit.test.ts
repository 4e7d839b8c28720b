// Commits come from whoever could push: what stands in one costs time in proportion to its length, and leads to no other file.
import { expect, test } from "vitest";
import { parseCommit } from "./commit.ts";

const id = "a".repeat(40);
const read = (head: string) =>
  parseCommit("x", Buffer.from(`tree ${id}\n${head}\ncommitter Bob <b@example.com> 1767225600 +0100\n\nmessage\n`));

test.each([
  ["Ada Lovelace <ada@example.com>", "Ada Lovelace", "ada@example.com"],
  ["<>", "", ""],
  ["Ada  <a> <b> c>", "Ada ", "a> <b> c"],
])("the author %s is read", (author, name, email) => {
  expect(read(`author ${author} 1767225600 +0000`)).toMatchObject({
    author: name,
    authorEmail: email,
    committedAt: "2026-01-01T01:00:00+01:00",
  });
});

test.each(["Ada ada@example.com> 1 +0000", "Ada <ada@example.com 1 +0000", "Ada <a> one +0000", "Ada <a> 1 0000"])(
  "instead of the author %s the committer is told",
  (author) => expect(read(`author ${author}`)).toMatchObject({ author: "Bob", authorEmail: "b@example.com" }),
);

test("names full of brackets end soon", () => {
  const startedAtMs = performance.now();
  for (const name of ["<> ".repeat(300_000), "<".repeat(500_000) + "> ".repeat(250_000), "> 1 ".repeat(250_000)])
    expect(read(`author ${name}`)?.author).toBe("Bob");
  // Some 50 ms; what tries each bracket with each other one takes an hour.
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
});

test("parents are ids, and nothing that would lead elsewhere as a path", () => {
  const head = `parent ${id}\nparent ../../../../../../dev/zero\nparent ${id}/../x\nparent ${"b".repeat(64)}`;
  expect(read(head)?.parents).toEqual([id, "b".repeat(64)]);
});
