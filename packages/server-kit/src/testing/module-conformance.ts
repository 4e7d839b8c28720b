// The contract of a module as checks: each runs a real kit on real files.
import {
  type ConformanceOptions,
  cursorStability,
  doubleIngest,
  dumpAndLoad,
  examples,
  isAbsent,
  listPathOf,
  oneBad,
  replay,
  replayAfterKill,
  retention,
  streamOrder,
} from "./conformance-cases.ts";
import { type TestKit, testKit } from "./test-kit.ts";

/** One check of a module, for any test runner. Rejects when it does not hold. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

export type { ConformanceOptions };

/**
 * Reads what the module has: its streams, or else its table; its list, if it has one. What it has not is tested to be absent, and said so in the name.
 * @example for (const { name, run } of moduleConformance(options)) test(name, run);
 */
export function moduleConformance(options: ConformanceOptions): readonly ConformanceCase[] {
  const { name, routes = [], streams = [] } = options.module();
  const listPath = listPathOf(options);
  const hasList = options.listPath !== undefined || routes.some(({ method, path }) => method === "GET" && path === listPath);
  const cases: Record<string, () => Promise<void>> = {
    "an event sent twice is stored once and counted as duplicate": () => withKit(options, (kit) => doubleIngest(kit, options)),
    "one bad event of a hundred is named, the others are stored in order": () => withKit(options, (kit) => oneBad(kit, options)),
    "a batch sent again under its key changes nothing, also after a restart": () => withKit(options, (kit) => replay(kit, options)),
    "a batch whose server was killed after the commit is stored once": () => replayAfterKill(options),
    "rows older than the retention go, newer ones stay": () => withKit(options, (kit) => retention(kit, options)),
    "a backup restored elsewhere holds the same events": () => withKit(options, (kit) => dumpAndLoad(kit, options)),
    ...(hasList
      ? {
          "pages of the list show every event once while others are written": () =>
            withKit(options, (kit) => cursorStability(kit, options)),
        }
      : { [`it has no list: nothing answers at ${listPath}`]: () => withKit(options, (kit) => isAbsent(kit, listPath)) }),
    ...(streams.length > 0
      ? { "the stream has every event in the order of its seq": () => withKit(options, (kit) => streamOrder(kit, options)) }
      : { "it has no stream: nothing answers at /stream": () => withKit(options, (kit) => isAbsent(kit, "/stream")) }),
    "documented examples are accepted": () => withKit(options, (kit) => examples(kit, options)),
  };
  return Object.entries(cases).map(([text, run]) => ({ name: `${name}: ${text}`, run }));
}

async function withKit(options: ConformanceOptions, body: (kit: TestKit) => Promise<void>): Promise<void> {
  const kit = await testKit({ modules: [options.module()] });
  try {
    await body(kit);
  } finally {
    await kit.close();
  }
}
