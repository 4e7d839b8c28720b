// For tests: another process on the same bus. Publishes what it is told, and reports what it hears.
import { honkerBus } from "../honker-bus.ts";

const bus = honkerBus({ path: process.argv[2] as string });
bus.subscribe("logs:p1", ({ seq }) => process.send?.({ heard: seq, atMs: Date.now() }));
process.on("message", ({ publish, count }: { publish: number; count: number }) => {
  for (let index = 0; index < count; index++) bus.publish("logs:p1", { seq: publish + index });
});
process.send?.({ ready: true });
