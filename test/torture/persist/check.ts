// Opens a store whose writer was killed and compares it with what the writer had said.
import { createStore, type Store } from "@cuitty/persist";
import { blobBytes, slots } from "./plan.ts";

/** The highest number tried and acknowledged, over all runs. */
export interface Said {
  readonly tried: Map<string, number>;
  readonly done: Map<string, number>;
  readonly eventsDone: Set<number>;
  readonly eventsTried: Set<number>;
}

export function emptySaid(): Said {
  return { tried: new Map(), done: new Map(), eventsDone: new Set(), eventsTried: new Set() };
}

/** Takes in one line of the writer. */
export function hear(said: Said, line: string): void {
  const [kind, what, text] = line.split(" ");
  if (kind !== "try" && kind !== "done") return;
  const n = Number(text);
  const name = what === "put" ? `put ${n % slots}` : what!;
  const map = kind === "try" ? said.tried : said.done;
  map.set(name, Math.max(map.get(name) ?? -1, n));
  if (what === "batch") (kind === "try" ? said.eventsTried : said.eventsDone).add(n);
}

interface Numbered {
  readonly n: number;
}

/** What is wrong, in words; empty when every promise was kept. */
export async function check(path: string, said: Said): Promise<string[]> {
  const store = await createStore({ name: "torture", path, encrypt: true, keyStorage: "file" });
  const wrong: string[] = [];
  const between = (name: string, n: number | undefined) => {
    const done = said.done.get(name) ?? -1;
    const tried = said.tried.get(name) ?? -1;
    if ((n ?? -1) < done) wrong.push(`${name}: ${done} was acknowledged, ${n} is there`);
    if ((n ?? -1) > tried) wrong.push(`${name}: ${n} is there, ${tried} was the last tried`);
  };
  try {
    for (let slot = 0; slot < slots; slot++) between(`put ${slot}`, (await store.records.get<Numbered>(`slot/${slot}`))?.n);
    const left = (await store.records.get<Numbered>("pair/left"))?.n;
    between("batch", left);
    if (left !== (await store.kv.get<Numbered>("pair-right"))?.n) wrong.push(`half a batch: ${left} on the left`);
    await checkBlob(store, wrong, between);
    await checkEvents(store, said, wrong);
    for await (const { value } of store.records.list<Numbered>()) if (typeof value.n !== "number") wrong.push("a record without a number");
  } catch (error) {
    wrong.push(`reading failed: ${String(error)}`);
  } finally {
    await store.close();
  }
  return wrong;
}

async function checkBlob(store: Store, wrong: string[], between: (name: string, n: number | undefined) => void): Promise<void> {
  const info = await store.blobs.info("blob");
  const n = (info?.metadata as Numbered | undefined)?.n;
  between("blob", n);
  if (n === undefined) return;
  const bytes = await store.blobs.get("blob");
  if (!bytes || Buffer.compare(bytes, blobBytes(n)) !== 0) wrong.push(`blob ${n} is not whole`);
}

async function checkEvents(store: Store, said: Said, wrong: string[]): Promise<void> {
  const seen = new Set<number>();
  for await (const { data } of store.events.list<Numbered>("log")) {
    if (seen.has(data.n)) wrong.push(`event ${data.n} is there twice`);
    if (!said.eventsTried.has(data.n)) wrong.push(`event ${data.n} was never tried`);
    seen.add(data.n);
  }
  for (const n of said.eventsDone) if (!seen.has(n)) wrong.push(`event ${n} was acknowledged and is lost`);
}
