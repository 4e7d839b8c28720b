// Options under `exactOptionalPropertyTypes`: undefined means the default, as at run time, so `webhookSecret: process.env.X` type-checks.
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const publicTypes: Readonly<Record<string, string>> = {
  "node/index": "CuittyOptions DirectorySpoolOptions EmittedEvent",
  "spool-indexeddb": "IndexedDbSpoolOptions",
  "spool-persist": "PersistSpoolOptions",
  hono: "HonoMiddlewareOptions",
  "plugins/audit": "AuditPluginOptions",
  "plugins/logs": "LogsPluginOptions LogStreamOptions ConsolePluginOptions",
  "plugins/logs-transport": "LogsTransportOptions",
  "plugins/performance": "PerformancePluginOptions",
  "plugins/errors": "ErrorsPluginOptions ErrorContext",
  "plugins/deploys": "DeploysPluginOptions",
  "plugins/repository": "RepositoryPluginOptions",
  "plugins/configs": "ConfigsPluginOptions",
  "plugins/costs": "CostsPluginOptions Charge",
  "plugins/redaction": "RedactionPluginOptions",
  "plugins/sampling": "SamplingPluginOptions",
  "plugins/enrichment": "EnrichmentPluginOptions",
};

const types = Object.entries(publicTypes).flatMap(([file, names]) => names.split(" ").map((name) => `import("../src/${file}.ts").${name}`));
const text = `type Optional<T> = { [K in keyof T as {} extends Pick<T, K> ? K : never]: T[K] };
type Given<T> = { [K in keyof Optional<T>]?: Optional<T>[K] | undefined };
${types.map((type, index) => `export const take${index} = (given: Given<${type}>): Optional<${type}> => given;`).join("\n")}`;

test("every optional member of a public options type takes undefined", { timeout: 60_000 }, () => {
  const path = here("./given.ts");
  const { config } = ts.readConfigFile(here("../../../tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, exactOptionalPropertyTypes: true }, here("../../.."));
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  const program = ts.createProgram([path], options, host);
  const problems = program.getSemanticDiagnostics(program.getSourceFile(path));
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
});
