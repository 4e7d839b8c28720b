// Finds a Chromium for page tests: CHROMIUM_PATH when set, else the build that npm delivered, unpacked once.
import type { TestProject } from "vitest/node";
import { chromiumPath } from "./chromium.ts";

declare module "vitest" {
  interface ProvidedContext {
    chromiumPath: string;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  project.provide("chromiumPath", await chromiumPath());
}
