// What every adapter must do, as a list of named cases to run in any test runner.
import { type AdapterEntry, capabilitiesOf, type PersistAdapter } from "../adapter.ts";
import { assertEqual, assertTrue } from "./assert.ts";
import { storeCases } from "./store-contract.ts";

export interface ContractOptions {
  /** Opens an empty adapter for one case. */
  readonly open: () => PersistAdapter | Promise<PersistAdapter>;
  /** Opens the same data again after `close`, for adapters that keep it. Leave it out for one that does not. */
  readonly reopen?: (() => PersistAdapter | Promise<PersistAdapter>) | undefined;
}

/** One check of an adapter, for any test runner. Rejects when it does not hold. */
export interface ContractCase {
  readonly name: string;
  /** Rejects with an Error that says what was expected and what came. */
  run(): Promise<void>;
}

type Check = (adapter: PersistAdapter) => Promise<void>;

/**
 * Cases of the adapter contract and of a store on top of it.
 * Example: `for (const { name, run } of adapterContract({ open: () => myAdapter() })) test(name, run)`
 */
export function adapterContract(options: ContractOptions): ContractCase[] {
  const cases = [...rowCases, ...batchCases, ...rangeCases].map(([name, check]) => ({
    name: `adapter: ${name}`,
    run: async () => {
      const adapter = await options.open();
      try {
        await check(adapter);
      } finally {
        await adapter.close?.();
      }
    },
  }));
  return [...cases, ...storeCases(options)];
}

/** What a store hands to an adapter: bytes where it takes them, JSON elsewhere. */
function valueFor(adapter: PersistAdapter, seed: number): unknown {
  return capabilitiesOf(adapter).bytes ? Uint8Array.from([seed, 0, 255, seed]) : { seed, nested: [1, "two", null, { three: true }] };
}

async function keysIn(adapter: PersistAdapter, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of await adapter.list(prefix)) keys.push(key);
  return keys.sort();
}

/** Names that folders, patterns and collations get wrong. */
const oddKeys = [
  "a",
  "A",
  "a/b",
  "a/b/c",
  "ab",
  "a%",
  "a_",
  "a*",
  "a b",
  "a'b",
  'a"b',
  "ä",
  "日本",
  "😀",
  "한",
  "한😀",
  "\ud7ff/😀",
  "\ue000",
  "e\u0301",
  "\ufffd",
  "a\\b",
  "a.b",
  "con",
  "a:b",
  "a?b",
  "a#b",
  "[a]",
  "a!0f",
];

const rowCases: readonly (readonly [string, Check])[] = [
  [
    "get of a key that was never put gives undefined or null",
    async (adapter) =>
      assertTrue(((await adapter.get("missing")) ?? undefined) === undefined, "get of a missing key must give undefined or null"),
  ],
  [
    "a value comes back equal, and the newest put wins",
    async (adapter) => {
      await adapter.put("key", valueFor(adapter, 1));
      assertEqual(await adapter.get("key"), valueFor(adapter, 1), "get after put");
      await adapter.put("key", valueFor(adapter, 2));
      assertEqual(await adapter.get("key"), valueFor(adapter, 2), "get after a second put");
      assertEqual(await keysIn(adapter, ""), ["key"], "keys after a second put");
    },
  ],
  [
    "values of every JSON shape, and text and bytes where declared, come back equal",
    async (adapter) => {
      const values = capabilitiesOf(adapter).bytes
        ? ["", '{"a":1}', "\u0001{}\nnull", "ünï 😀", new Uint8Array(0), new Uint8Array(70_000).fill(3)]
        : [0, 1.5, -1, true, false, "", "text", "ünï 😀", [], {}, { $cuitty: 1 }, { a: { b: [null] } }, "x".repeat(100_000)];
      for (const value of values) {
        await adapter.put("key", value);
        assertEqual(await adapter.get("key"), value, "get after put");
      }
    },
  ],
  [
    "a deleted key is gone, and deleting it again is no error",
    async (adapter) => {
      await adapter.put("key", valueFor(adapter, 1));
      await adapter.delete("key");
      await adapter.delete("key");
      assertTrue(((await adapter.get("key")) ?? undefined) === undefined, "get of a deleted key must give undefined or null");
      assertEqual(await keysIn(adapter, ""), [], "keys after delete");
    },
  ],
  [
    "keys are compared exactly, whatever they hold",
    async (adapter) => {
      for (const [i, key] of oddKeys.entries()) await adapter.put(key, valueFor(adapter, i));
      for (const [i, key] of oddKeys.entries()) assertEqual(await adapter.get(key), valueFor(adapter, i), `get of ${JSON.stringify(key)}`);
      assertEqual(await keysIn(adapter, ""), [...oddKeys].sort(), "list of everything");
    },
  ],
  [
    "list gives every entry under a prefix, with its value, and no other",
    async (adapter) => {
      for (const [i, key] of oddKeys.entries()) await adapter.put(key, valueFor(adapter, i));
      for (const prefix of ["", "a", "a/", "a/b", "a%", "a_", "😀", "zz"]) {
        const listed: AdapterEntry[] = [];
        for await (const entry of await adapter.list(prefix)) if (entry.key.startsWith(prefix)) listed.push(entry);
        listed.sort((one, other) => (one.key < other.key ? -1 : 1));
        const expected = oddKeys.map((key, i) => ({ key, value: valueFor(adapter, i) })).filter(({ key }) => key.startsWith(prefix));
        expected.sort((one, other) => (one.key < other.key ? -1 : 1));
        assertEqual(listed, expected, `list of ${JSON.stringify(prefix)}`);
      }
    },
  ],
  [
    "put copies: changing the value afterwards changes nothing stored",
    async (adapter) => {
      if (capabilitiesOf(adapter).bytes) return;
      const value = { list: [1] };
      await adapter.put("key", value);
      value.list.push(2);
      assertEqual(await adapter.get("key"), { list: [1] }, "get after the value put was changed");
    },
  ],
];

const batchCases: readonly (readonly [string, Check])[] = [
  [
    "batch, where declared, applies its changes in order",
    async (adapter) => {
      if (!capabilitiesOf(adapter).atomicBatch) return;
      assertTrue(typeof adapter.batch === "function", "an adapter that declares atomicBatch has a batch method");
      await adapter.put("old", valueFor(adapter, 1));
      await adapter.batch!([
        { type: "put", key: "a", value: valueFor(adapter, 1) },
        { type: "delete", key: "old" },
        { type: "put", key: "a", value: valueFor(adapter, 2) },
        { type: "put", key: "b", value: valueFor(adapter, 3) },
        { type: "delete", key: "b" },
      ]);
      assertEqual(await keysIn(adapter, ""), ["a"], "keys after a batch");
      assertEqual(await adapter.get("a"), valueFor(adapter, 2), "the later change of a key");
    },
  ],
  [
    "batchIf, where there is one, applies all its changes when every condition holds, else none",
    async (adapter) => {
      if (!adapter.batchIf) return;
      const [one, two] = [valueFor(adapter, 1), valueFor(adapter, 2)];
      const put = (key: string) => ({ type: "put" as const, key, value: one });
      assertTrue(await adapter.batchIf([{ key: "a", value: undefined }], [put("a"), put("b")]), "a key that is not there is undefined");
      assertEqual(await keysIn(adapter, ""), ["a", "b"], "keys after a batchIf that held");
      const refused = [
        [{ key: "a", value: undefined }],
        [{ key: "a", value: two }],
        [{ key: "c", value: one }],
        [
          { key: "a", value: one },
          { key: "b", value: two },
        ],
      ];
      for (const conditions of refused) {
        assertTrue(!(await adapter.batchIf(conditions, [put("c"), { type: "delete", key: "a" }])), "a condition that fails gives false");
        assertEqual(await keysIn(adapter, ""), ["a", "b"], "keys after a batchIf that did not hold");
      }
      // As it was read, not as it was put.
      const read = [{ key: "a", value: await adapter.get("a") }];
      assertTrue(
        await adapter.batchIf(read, [{ type: "delete", key: "a" }, put("c")]),
        "a value that was read is the one that stands there",
      );
      assertEqual(await keysIn(adapter, ""), ["b", "c"], "keys after a batchIf of what was read");
    },
  ],
];

const rangeCases: readonly (readonly [string, Check])[] = [
  [
    "range, where there is one, pages in the order of UTF-16 code units in both directions",
    async (adapter) => {
      if (!adapter.range) return;
      for (const [i, key] of oddKeys.entries()) await adapter.put(key, valueFor(adapter, i));
      for (const reverse of [false, true]) {
        for (const prefix of ["", "a", "a/"]) {
          for (const limit of [1, 3, 100, Number.POSITIVE_INFINITY]) await comparePages(adapter, { prefix, limit, reverse });
        }
      }
      assertEqual(await adapter.range({ prefix: "", limit: 0 }), [], "a range with limit 0");
      assertEqual((await adapter.range({ prefix: "a/", limit: 9, after: "zz" })).length, 0, "a range after its end");
      assertEqual((await adapter.range({ prefix: "a/", limit: 9, after: "A" })).length, 2, "a range that starts before its prefix");
      assertEqual(
        (await adapter.range({ prefix: "a/", limit: 9, after: "zz", reverse: true })).length,
        2,
        "a reversed range that starts behind its prefix",
      );
    },
  ],
];

async function comparePages(adapter: PersistAdapter, query: { prefix: string; limit: number; reverse: boolean }): Promise<void> {
  const expected = oddKeys.filter((key) => key.startsWith(query.prefix)).sort();
  if (query.reverse) expected.reverse();
  const keys: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await adapter.range!({ ...query, ...(after === undefined ? {} : { after }) });
    assertTrue(page.length <= query.limit, "a page must not be longer than its limit");
    keys.push(...page.map(({ key }) => key));
    if (page.length < query.limit) break;
    after = page.at(-1)!.key;
  }
  assertEqual(keys, expected, `pages of ${JSON.stringify(query)}`);
}
