// Which options about keys go together: one that would be left out of account is refused.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { CheckedOptions, StoreOptions } from "./options.ts";

/** Errors: `invalid_option`. */
export function checkKeyOptions(options: CheckedOptions, { keyStorage: given }: StoreOptions): void {
  const { encrypt, key, passphrase, keyStorage, keyFile, path, adapter } = options;
  if (!encrypt) {
    for (const [name, value] of Object.entries({ key, passphrase, keyFile, keyStorage: given }))
      if (value !== undefined) throw invalid(`${name} needs encrypt: true; without it nothing would be encrypted`);
    return;
  }
  if (keyFile !== undefined && keyFile === path)
    throw invalid('keyFile must not be the store\'s own path; leave it out for the path with ".key"');
  if (passphrase !== undefined && typeof key !== "string")
    throw invalid("passphrase belongs to a key that was exported with one: pass that as `key`");
  if (key instanceof Uint8Array && key.length !== 32) throw invalid(`key as bytes must be 32 bytes, got ${key.length}`);
  if (keyStorage === "none" && key === undefined && adapter !== "memory") throw invalid('keyStorage "none" needs `key` at every open');
  checkPlace(options);
}

/** A key goes where it was asked to go, or the store is not opened. */
function checkPlace({ adapter, keyStorage, keyFile }: CheckedOptions): void {
  const isPlaced = keyStorage === "keychain" || keyStorage === "file";
  if (keyFile !== undefined && (keyStorage === "none" || keyStorage === "keychain"))
    throw invalid(`keyFile goes with keyStorage "file" or "auto", not with "${keyStorage}": leave one of the two out`);
  if (adapter === "memory") {
    if (keyFile !== undefined) throw invalid('keyFile has no use with adapter "memory": its key ends with the process; leave it out');
    if (isPlaced) throw invalid(`keyStorage "${keyStorage}" has no use with adapter "memory": its key ends with the process; leave it out`);
  }
  if (globalThis.process?.versions?.node !== undefined) return;
  if (keyFile !== undefined)
    throw invalid("keyFile has no use in a browser, which has no files: leave it out, and the key is kept wrapped");
  if (isPlaced) throw invalid(`keyStorage "${keyStorage}" is not there in a browser: leave it out, and the key is kept wrapped`);
}

/** What helps when none of the places takes the key. */
export function keyAdvice({ keyStorage, adapter }: CheckedOptions): string {
  if (keyStorage === "keychain")
    return 'unlock the keychain and install @napi-rs/keyring, or use keyStorage "file", or pass `key` with keyStorage "none"';
  if (globalThis.process?.versions?.node === undefined) return 'pass `key` with keyStorage "none"';
  return adapter === "sqlite"
    ? 'name another `keyFile`, or pass `key` with keyStorage "none"'
    : 'pass `keyFile`, or `key` with keyStorage "none"';
}

function invalid(message: string): CuittyError {
  return new CuittyError("invalid_option", message);
}
