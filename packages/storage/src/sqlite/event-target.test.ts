// Events on a file: committed ones are heard by everyone, once and in order; rolled-back ones by nobody.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { EngineName } from "../engine/driver.ts";
import { open, type StorageClient } from "../engine/open.ts";
import { drizzle } from "./drizzle.ts";
import { type HonkerEvent, HonkerEventTarget } from "./event-target.ts";
import { engines, type TestFiles, testFiles } from "./testing/drivers.ts";

type Events = { tick: { n: number; atMs?: number }; other: string; big: bigint };

const children: ChildProcess[] = [];
function startChild(name: string, ...args: string[]): ChildProcess {
  const script = fileURLToPath(new URL(`./testing/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", script, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

describe.each(engines)("event target on %s", (engine: EngineName) => {
  let files: TestFiles;
  let path: string;
  let client: StorageClient;
  let target: HonkerEventTarget<Events>;
  beforeEach(() => {
    files = testFiles();
    path = join(files.folder, "events.db");
    client = open(path, { engine });
    target = new HonkerEventTarget<Events>(client);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    target.close();
    client.close();
    files.remove();
  });
  const heard = () => {
    const events: HonkerEvent<"tick", Events["tick"]>[] = [];
    return {
      events,
      listener: (event: HonkerEvent<"tick", Events["tick"]>) => events.push(event),
      numbers: () => events.map((event) => event.detail.n),
    };
  };
  const settle = () => sleep(20);

  test("a dispatched event reaches every listener of its type as a CustomEvent, right after the commit", async () => {
    const first = heard();
    const second = {
      events: [] as unknown[],
      handleEvent(event: unknown) {
        this.events.push(event);
      },
    };
    target.addEventListener("tick", first.listener);
    target.addEventListener("tick", second);
    target.addEventListener("other", () => expect.unreachable());
    expect(target.dispatchEvent(new CustomEvent("tick", { detail: { n: 1 } }) as HonkerEvent<"tick", { n: number }>)).toBe(true);
    expect(first.events).toEqual([]);
    await Promise.resolve();
    await Promise.resolve();
    expect(first.numbers()).toEqual([1]);
    expect(first.events[0]).toBeInstanceOf(CustomEvent);
    expect([first.events[0]!.type, second.events.length]).toEqual(["tick", 1]);
    const id = target.emit("tick", { n: 2 });
    await settle();
    expect(first.events[1]!.lastEventId).toBe(id);
    expect(id).toBeGreaterThan(first.events[0]!.lastEventId);
  });

  test("events of a transaction come with its commit, in order; a rollback's never, nor a savepoint's", async () => {
    const { listener, numbers } = heard();
    target.addEventListener("tick", listener);
    const db = drizzle(client);
    expect(() =>
      db.transaction((tx) => {
        tx.$honkerTx.notify("tick", { n: 0 });
        tx.rollback();
      }),
    ).toThrow();
    await db.transaction(async (tx) => {
      tx.$honkerTx.notify("tick", { n: 1 });
      try {
        tx.transaction((inner) => {
          inner.$honkerTx.notify("tick", { n: -1 });
          inner.rollback();
        });
      } catch {
        // reason: the rollback above
      }
      await settle();
      expect(numbers()).toEqual([]);
      tx.$honkerTx.notify("tick", { n: 2 });
    });
    await settle();
    expect(numbers()).toEqual([1, 2]);
  });

  test("what was committed before a listener came is not heard; each event once, also with two targets and two handles", async () => {
    target.emit("tick", { n: 0 });
    const { listener, numbers } = heard();
    target.addEventListener("tick", listener);
    target.addEventListener("tick", listener);
    const secondClient = open(path, { engine });
    const secondTarget = new HonkerEventTarget<Events>(secondClient);
    const second = heard();
    secondTarget.addEventListener("tick", second.listener);
    for (const n of [1, 2, 3]) target.emit("tick", { n });
    secondTarget.emit("tick", { n: 4 });
    await settle();
    expect([numbers(), second.numbers()]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
    secondClient.close();
    target.emit("tick", { n: 5 });
    await settle();
    expect([numbers().at(-1), second.numbers().at(-1)]).toEqual([5, 4]);
  });

  test("once, AbortSignal, removal, a null listener, close", async () => {
    const single = heard();
    const aborted = heard();
    const removed = heard();
    const controller = new AbortController();
    target.addEventListener("tick", null);
    target.addEventListener("tick", single.listener, { once: true });
    target.addEventListener("tick", aborted.listener, { signal: controller.signal });
    target.addEventListener("tick", removed.listener);
    target.addEventListener("tick", heard().listener, { signal: AbortSignal.abort() });
    target.emit("tick", { n: 1 });
    target.emit("tick", { n: 2 });
    await settle();
    controller.abort();
    target.removeEventListener("tick", removed.listener);
    target.emit("tick", { n: 3 });
    await settle();
    expect([single.numbers(), aborted.numbers(), removed.numbers()]).toEqual([[1], [1, 2], [1, 2]]);
    target.addEventListener("tick", removed.listener);
    target.close();
    target.emit("tick", { n: 4 });
    await settle();
    expect(removed.numbers()).toEqual([1, 2]);
    target.addEventListener("tick", removed.listener);
    target.emit("tick", { n: 5 });
    await settle();
    expect(removed.numbers()).toEqual([1, 2, 5]);
  });

  test("a listener that throws harms no other and is told to the process; listeners may write and listen", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { listener, numbers } = heard();
    target.addEventListener("tick", () => {
      throw new Error("mine");
    });
    target.addEventListener("tick", (event) => {
      if (event.detail.n < 3) target.emit("tick", { n: event.detail.n + 1 });
    });
    target.addEventListener("tick", listener);
    target.emit("tick", { n: 1 });
    await settle();
    expect(numbers()).toEqual([1, 2, 3]);
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ code: "listener_failed" }));
    warned.mockRestore();
  });

  test("prefixes keep targets apart; a serializer carries what JSON cannot", async () => {
    const serializer = { stringify: (detail: unknown) => String(detail), parse: (payload: unknown) => BigInt(payload as string) };
    const bigs = new HonkerEventTarget<Events>(client, { prefix: "app:", serializer });
    const plain = heard();
    const values: bigint[] = [];
    target.addEventListener("tick", plain.listener);
    bigs.addEventListener("big", (event) => values.push(event.detail));
    bigs.emit("big", 2n ** 70n);
    bigs.emit("tick", { n: 1 });
    await settle();
    expect([values, plain.numbers()]).toEqual([[2n ** 70n], []]);
    bigs.close();
  });

  test("events of another process arrive all, once and in order", { timeout: 30_000 }, async () => {
    const { listener, numbers } = heard();
    target.addEventListener("tick", listener);
    const child = startChild("emit-child", path, engine, "200", "1");
    const [code] = await once(child, "exit");
    await vi.waitFor(() => expect(numbers()).toHaveLength(200));
    expect(code).toBe(0);
    expect(numbers()).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  test("when the last listener has gone, nothing keeps the process alive", { timeout: 30_000 }, async () => {
    const child = startChild("listen-child", path, engine);
    let output = "";
    child.stdout!.on("data", (chunk) => {
      output += chunk;
    });
    const [code] = await once(child, "exit");
    expect([code, output]).toEqual([0, "heard\n"]);
  });

  test("a replaced file is opened again and heard on", { timeout: 30_000 }, async () => {
    const { listener, numbers } = heard();
    target.addEventListener("tick", listener);
    target.emit("tick", { n: 1 });
    await settle();
    const other = join(files.folder, "other.db");
    const replacement = open(other, { engine });
    replacement.notify("tick", { n: -1 });
    replacement.close();
    for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
    renameSync(other, path);
    await vi.waitFor(
      () => {
        const again = open(path, { engine });
        again.notify("tick", { n: 2 });
        again.close();
        expect(numbers()).toContain(2);
      },
      { timeout: 10_000, interval: 100 },
    );
    expect(numbers()[0]).toBe(1);
    expect(numbers()).not.toContain(-1);
    target.emit("tick", { n: 3 });
    await settle();
    expect(numbers().at(-1)).toBe(3);
  });
});
