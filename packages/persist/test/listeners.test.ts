// Listeners that subscribe and unsubscribe while a change is told.
import { createStore, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";

let store: Store;
beforeEach(async () => {
  store = await createStore({ name: "listeners", adapter: "memory" });
});
afterEach(() => store.close());

test.each(["watch", "subscribe", "on"] as const)(
  "a listener of %s that arms itself anew in its callback is called once a change",
  async (kind) => {
    let calls = 0;
    let stop = () => {};
    function rearm(): void {
      calls++;
      stop();
      // Never armed for ever: a listener that is told the same change again and again must fail the test, not hang it.
      if (calls < 100) arm();
    }
    function arm(): void {
      if (kind === "watch") stop = store.records.watch("k", rearm);
      else if (kind === "subscribe") stop = store.events.subscribe("k", rearm);
      else stop = store.events.on("error", rearm);
    }
    arm();
    if (kind === "on") {
      store.records.watch("k", () => {
        throw new Error("broken");
      });
    }
    const change = () => (kind === "subscribe" ? store.events.append("k", 1) : store.records.put("k", 1));
    await change();
    expect(calls).toBe(1);
    await change();
    expect(calls).toBe(2);
  },
);

test("a listener removed while a change is told is not called, one added meanwhile hears only the next", async () => {
  const heard: string[] = [];
  const stops: (() => void)[] = [];
  stops.push(
    store.kv.watch("", () => {
      heard.push("first");
      stops[1]!();
      stops.push(store.kv.watch("", () => heard.push("added")));
    }),
    store.kv.watch("", () => heard.push("removed")),
    store.kv.watch("", () => heard.push("last")),
  );
  await store.kv.put("a", 1);
  expect(heard).toEqual(["first", "last"]);
  stops[0]!();
  await store.kv.put("a", 2);
  expect(heard.slice(2)).toEqual(["last", "added"]);
});
