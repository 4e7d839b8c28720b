// What a browser pays for the contract: types and constants are nearly free, and TypeBox stays on the server.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";

async function bundle(code: string): Promise<string> {
  const result = await build({
    stdin: { contents: code, resolveDir: import.meta.dirname, loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["@cuitty/source"],
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

describe("bundles for browsers", () => {
  test("types, headers, limits and CuittyError stay under 1.5 kB without TypeBox", async () => {
    const code = await bundle(`
      import type { CuittyEvent } from "@cuitty/wire-protocol";
      import { CuittyError, HEADER, LIMITS } from "@cuitty/wire-protocol";
      export const event: CuittyEvent | undefined = undefined;
      export { CuittyError, HEADER, LIMITS };`);
    expect(gzipSync(code).length).toBeLessThan(1_500);
    expect(code).not.toMatch(/TypeBox|typebox|additionalProperties/);
  });

  test("everything that the package root has at run time comes without TypeBox and node:crypto", async () => {
    const code = await bundle(`import * as all from "@cuitty/wire-protocol"; console.log(all);`);
    expect(code).not.toMatch(/TypeBox|typebox|additionalProperties|node:/);
    expect(gzipSync(code).length).toBeLessThan(3_500);
  });

  test("the flag rule and signatures bundle for a browser without node:crypto as an import", async () => {
    const code = await bundle(`
      export { evaluateFlag } from "@cuitty/wire-protocol/flag-rule";
      export { signBody } from "@cuitty/wire-protocol/signature";`);
    expect(code).not.toMatch(/(import|require)\s*\(?\s*["']node:/);
    expect(code).not.toMatch(/TypeBox|typebox/);
    expect(gzipSync(code).length).toBeLessThan(5_000);
  });
});
