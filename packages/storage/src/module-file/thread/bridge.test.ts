// The bridge: no message is missed, and nobody waits for ever for a thread that has gone.
import { expect, test } from "vitest";
import { createBridgeEnds, openBridge } from "./bridge.ts";

test("messages arrive in their order on either side", () => {
  const [near, far] = createBridgeEnds().map(openBridge);
  for (let n = 0; n < 100; n++) near?.send(n);
  expect(Array.from({ length: 100 }, () => far?.receive(100))).toEqual(Array.from({ length: 100 }, (_, n) => n));
  far?.send({ answer: true });
  expect(near?.receive(100)).toEqual({ answer: true });
});

test("a side that is not answered is told so after its time", () => {
  const [near] = createBridgeEnds().map(openBridge);
  near?.send("anybody?");
  expect(() => near?.receive(20)).toThrow(expect.objectContaining({ code: "io", retryable: true }));
});
