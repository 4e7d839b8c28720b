// The places where this device may keep a store's key. Loaded with encryption: a plain store has none.
import { storePath } from "../open-adapter.ts";
import type { CheckedOptions } from "../options.ts";
import { type KeyPlace, memoryKeyPlace } from "./key-storage.ts";

/** Places a key may be kept, in order of preference. */
export async function keyPlacesOf(options: CheckedOptions): Promise<KeyPlace[]> {
  const { adapter, keyStorage, name } = options;
  if (adapter === "memory") return [memoryKeyPlace()];
  if (keyStorage === "none") return [];
  if (globalThis.process?.versions?.node === undefined) return [(await import("./browser-keys.ts")).browserKeyPlace()];
  const places: KeyPlace[] = [];
  if (keyStorage !== "file") places.push((await import("./keychain.ts")).keychainPlace(name));
  const keyFile = keyStorage === "keychain" ? undefined : await keyFileOf(options);
  if (keyFile) {
    const { keyFilePlace } = await import("./key-file.ts");
    const place = keyFilePlace({ ...keyFile, isNamed: options.keyFile !== undefined, madeFor: await placeName(options) });
    if (place) places.push(place);
  }
  return places;
}

/** Named, else beside the store's real file; earlier releases kept it beside the path as it was given, which may be a link. */
async function keyFileOf(options: CheckedOptions): Promise<{ path: string; olderPath?: string } | undefined> {
  if (options.keyFile !== undefined) return { path: options.keyFile };
  if (options.adapter !== "sqlite") return undefined;
  const { realPlace, givenPlace } = await import("../adapters/sqlite-place.ts");
  const path = `${realPlace(storePath(options))}.key`;
  const given = `${givenPlace(storePath(options))}.key`;
  return given === path ? { path } : { path, olderPath: given };
}

/** Tells the place of a store from others: a file by its real path, what has no file by its adapter and the store's name. */
async function placeName(options: CheckedOptions): Promise<string> {
  const { adapter, name } = options;
  if (adapter === "sqlite") return `sqlite ${(await import("../adapters/sqlite-place.ts")).realPlace(storePath(options))}`;
  return `${typeof adapter === "string" ? adapter : (adapter.name ?? "custom")} ${name}`;
}
