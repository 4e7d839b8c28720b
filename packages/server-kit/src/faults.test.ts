import { afterEach, expect, test, vi } from "vitest";
import { faultHandler } from "./faults.ts";

const lines: string[] = [];
const onStandardError = () =>
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
afterEach(() => {
  vi.restoreAllMocks();
  lines.length = 0;
});

test("a fault is one line, whatever text a stranger has put into it", () => {
  onStandardError();
  const tell = faultHandler(undefined);
  tell({ source: "outbox told", error: new Error("503\u001b[2J\r\ncuitty: all is well\u0000\u009b1m"), requestId: "r1" });
  tell({ source: "request", error: new Error("x".repeat(100_000)), requestId: "r2" });
  expect(lines[0]).toBe("cuitty: outbox told failed (error): 503 [2J  cuitty: all is well  1m [request r1]\n");
  expect(lines[1]).toMatch(/^cuitty: request failed \(error\): x{1000,2000} \[request r2\]\n$/);
});

test.each([
  ["nothing", undefined, "cuitty: job failed (error): undefined\n"],
  ["null", null, "cuitty: job failed (error): null\n"],
  ["a text", "no", "cuitty: job failed (error): no\n"],
  ["what has no text", Object.create(null), "cuitty: job failed\n"],
  [
    "what throws",
    {
      get message(): string {
        throw new Error("no");
      },
    },
    "cuitty: job failed\n",
  ],
])("%s that was thrown is told as well", (_name, error, line) => {
  onStandardError();
  faultHandler(undefined)({ source: "job", error });
  expect(lines).toEqual([line]);
});

test("a handler that throws, or rejects, harms nobody: its fault goes to standard error", async () => {
  onStandardError();
  const fault = { source: "job", error: new Error("first") };
  faultHandler(() => {
    throw new Error("second");
  })(fault);
  faultHandler(async () => {
    throw new Error("second");
  })(fault);
  await vi.waitFor(() => expect(lines).toEqual(["cuitty: job failed (error): first\n", "cuitty: job failed (error): first\n"]));
});
