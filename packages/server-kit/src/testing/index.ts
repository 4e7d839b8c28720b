// Public entry `@cuitty/server-kit/testing`: what every module must keep, as named checks for any test runner.
export { type ConformanceCase, type ConformanceOptions, moduleConformance } from "./module-conformance.ts";
export { type IngestAnswer, type TestKit, type TestKitOptions, testKit } from "./test-kit.ts";
