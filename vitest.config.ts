// One configuration, three projects: `node` (unit and integration), `browser` (inside real Chromium) and `services` (real servers and pages).
import { playwright } from "@vitest/browser-playwright";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { chromiumPath } from "./test/browser/chromium.ts";

const source = "@cuitty/source";
const nodeConditions = [source, ...defaultServerConditions];

// Unpacked once per machine; without a usable Chromium the browser tests fail with the reason, the others run.
const executablePath = await chromiumPath().catch(() => undefined);

export default defineConfig({
  ssr: { resolve: { conditions: nodeConditions } },
  test: {
    reporters: process.env.CUITTY_TEST_REPORT ? ["default", ["json", { outputFile: process.env.CUITTY_TEST_REPORT }]] : ["default"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          environment: "node",
          include: [
            "packages/*/src/**/*.test.ts",
            "packages/*/test/**/*.test.ts",
            "test/integration/**/*.test.ts",
            "examples/*/test/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/dist/**", "**/*.browser.test.ts", "**/*.page.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "services",
          environment: "node",
          include: ["test/services/**/*.test.ts", "{packages,examples}/*/test/**/*.page.test.ts", "test/browser/**/*.page.test.ts"],
          globalSetup: ["./test/browser/chromium.setup.ts"],
        },
      },
      {
        extends: true,
        resolve: { conditions: [source, ...defaultClientConditions] },
        // Found in the middle of a run, a dependency makes Vite reload the page under the tests.
        optimizeDeps: {
          include: [
            "@noble/ciphers/aes.js",
            "@noble/hashes/hkdf.js",
            "@noble/hashes/hmac.js",
            "@noble/hashes/sha2.js",
            "@sinclair/typebox",
            "@sinclair/typebox/compiler",
            "@sinclair/typebox/value",
          ],
        },
        test: {
          name: "browser",
          include: ["packages/*/src/**/*.browser.test.ts", "packages/*/test/**/*.browser.test.ts", "test/browser/**/*.browser.test.ts"],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: executablePath ? { executablePath } : {},
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
