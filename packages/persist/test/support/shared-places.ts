// Places that two stores can open at the same time, each with an opener of its own: what holds on one of them must hold on all.
import type { PersistAdapter } from "@cuitty/persist";
import { indexedDbAdapter } from "../../src/adapters/indexeddb.ts";
import { memoryAdapter } from "../../src/adapters/memory.ts";
import { sharedPlace } from "./shared-place.ts";

/** Opens the same place again at each call. */
export type Opener = () => Promise<PersistAdapter> | PersistAdapter;

function database(): Opener {
  const name = `shared${Math.random()}`;
  return () => indexedDbAdapter({ name });
}

function memory(): Opener {
  // Closing one store must not take the rows from the other.
  const adapter = { ...memoryAdapter(), close: undefined };
  return () => adapter;
}

/** Makers of a new place, by its name. */
export const placesWithConditions: readonly (readonly [string, () => Opener])[] = [
  ["IndexedDB", database],
  ["memory", memory],
  ["a place with conditions", () => sharedPlace({ hasConditions: true })],
];

export const allPlaces: typeof placesWithConditions = [
  ...placesWithConditions,
  ["a place without them", () => sharedPlace({ hasConditions: false })],
];
