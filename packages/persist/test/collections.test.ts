// Collections: what their options may be, and what upcasters do to old records.
import { type Collections, createStore, type Store } from "@cuitty/persist";
import { Type } from "@sinclair/typebox";
import { afterEach, expect, test } from "vitest";

const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

async function open(collections: Collections): Promise<Store> {
  const store = await createStore({ name: "collections", adapter: "memory", collections });
  stores.push(store);
  return store;
}

/** As in the README: an upcaster takes what an older release stored, whose shape need not be declared. */
const renamed: Collections = {
  users: { schema: Type.Object({ name: Type.String() }), version: 2, upcasters: { 1: (old) => ({ name: old.fullName }) } },
};
const declared: Collections = {
  users: {
    schema: Type.Object({ name: Type.String() }),
    version: 3,
    upcasters: { 1: (old: { fullName: string }) => ({ first: old.fullName }), 2: (old: { first: string }) => ({ name: old.first }) },
  },
};
const oldExport = [
  '{"cuitty":"persist-export","version":1}',
  '{"type":"record","key":"users/a","value":{"fullName":"Ada"},"version":1}',
  '{"type":"end","lines":2}',
].join("\n");

test.each([renamed, declared])("an old record is raised in get, list and watch", async (collections) => {
  const store = await open(collections);
  const heard: unknown[] = [];
  store.records.watch("users/", (change) => heard.push(change));
  await store.import(oldExport);
  expect(await store.records.get("users/a")).toEqual({ name: "Ada" });
  expect(await store.records.list()).toEqual([{ key: "users/a", value: { name: "Ada" } }]);
  expect(heard).toEqual([{ type: "put", key: "users/a", value: { name: "Ada" } }]);
});

test.each([
  ["a JSON Schema object", { schema: { type: "object" } }],
  ["a schema that went through JSON", { schema: JSON.parse(JSON.stringify(Type.Object({ a: Type.String() }))) as object }],
  ["an empty object", { schema: {} }],
  ["a misspelled option", { schema: Type.Any(), versoin: 2 }],
  ["nothing", null],
])("%s is no collection: invalid_option that names it", async (_name, options) => {
  const opening = open({ users: options as Collections[string] });
  await expect(opening).rejects.toMatchObject({ code: "invalid_option", message: expect.stringContaining("collections.users") });
});

test("an upcaster that throws is invalid_record with its cause, at an import with the line", async () => {
  const bug = new Error("user bug");
  const upcast = {
    users: {
      schema: Type.Object({}),
      version: 2,
      upcasters: {
        1: () => {
          throw bug;
        },
      },
    },
  };
  const store = await open(upcast);
  await expect(store.import(oldExport)).rejects.toMatchObject({
    code: "invalid_record",
    details: { line: 2, collection: "users", version: 1 },
    cause: { code: "invalid_record", cause: bug },
  });
});
