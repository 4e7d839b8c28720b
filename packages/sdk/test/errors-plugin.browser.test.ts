// The errors plugin in Chromium: uncaught errors and unhandled rejections of a global scope, which go on being reported as before.
import { expect, test } from "vitest";

test("uncaught errors and unhandled rejections are sent, and still reach the page", async () => {
  const worker = new Worker(new URL("./browser-errors/worker.ts", import.meta.url), { type: "module" });
  const messages: unknown[] = [];
  const reported: string[] = [];
  let wake = () => {};
  worker.onmessage = ({ data }) => {
    messages.push(data);
    wake();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reported.push(event.message);
  };
  const until = async (count: number) => {
    while (messages.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await until(1);
  worker.postMessage("throw");
  await until(2);
  worker.postMessage("reject");
  await until(3);
  worker.postMessage("stop");
  await until(4);
  worker.postMessage("throw");
  await expect.poll(() => reported.length).toBe(2);
  worker.terminate();
  expect(messages).toMatchObject([
    "ready",
    { type: "error", data: { name: "TypeError", message: "thrown", handled: false, stack: expect.stringContaining("worker.ts") } },
    { type: "error", data: { name: "RangeError", message: "rejected", handled: false, cause: { message: "c" } } },
    "stopped",
  ]);
  expect(reported[0]).toContain("thrown");
});
