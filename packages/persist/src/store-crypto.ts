// `store.crypto`: the store's keys out, and new keys in.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterChange } from "./adapter.ts";
import type { Emitter } from "./core/emitter.ts";
import { createExclusive } from "./core/mutex.ts";
import { rotationMark } from "./core/rotation-mark.ts";
import type { Row } from "./core/row.ts";
import type { Rows } from "./core/rows.ts";
import { checkFunction, checkOptionsObject } from "./facets/check.ts";
import type { Reseal } from "./reseal.ts";
import type { Vault } from "./vault.ts";

/** How a key leaves the store. */
export interface ExportKeyOptions {
  /** At least 8 characters; the export is worthless without it. @default none: the text itself opens the store */
  readonly passphrase?: string | undefined;
}

/** How a new key is made. */
export interface RotateOptions {
  /** Called with the new exported key before anything is sealed with it. Needed with keyStorage "none", where nothing else keeps it. Called again when another tab rotated meanwhile: the last key counts. */
  readonly save?: ((exportedKey: string) => Promise<unknown> | unknown) | undefined;
}

/** A rotation that has begun: its key is in use already. */
export interface Rotation {
  /** Of the new key; the first key's is 1. */
  readonly epoch: number;
  /** Resolves when every value is sealed anew; progress is told by `events.on("rotation")`. Closing the store stops it: it rejects with `store_closed`, and the next open goes on. */
  readonly done: Promise<void>;
}

/** Errors of all methods: `not_encrypted` for a store without encryption. */
export interface StoreCrypto {
  /** Every key of the store, with those other tabs have made, as one line of text: for a backup, or `key` on another device. */
  exportKey(options?: ExportKeyOptions): Promise<string>;
  /** The newest key as 64 characters in groups of five, to print. With the store's file it opens everything. */
  recoveryCode(): Promise<string>;
  /** Makes a new key. New writes use it at once; existing values are sealed anew in the background. Old keys stay in the sealed ring. */
  rotateKey(options?: RotateOptions): Promise<Rotation>;
  /** Epoch of the newest key, and whether old values are still being sealed anew. */
  status(): { readonly epoch: number; readonly epochs: number; readonly rotating: boolean };
  /** Not in this release. Errors: `unsupported_option`. */
  createInvite(): Promise<never>;
  /** Not in this release. Errors: `unsupported_option`. */
  acceptInvite(code: string): Promise<never>;
}

/** What the store itself may do beside. */
export interface ManagedCrypto extends StoreCrypto {
  /** Goes on with a rotation that was interrupted. */
  resume(): Promise<void>;
  /** Ends one that is under way; the next open goes on with it. */
  stop(): Promise<void>;
}

export interface StoreCryptoParts {
  readonly name: string;
  readonly rows: Rows;
  readonly vault: Vault | undefined;
  readonly emitter: Emitter;
}

export function createStoreCrypto({ name, rows, vault, emitter }: StoreCryptoParts): ManagedCrypto {
  const reseal: Reseal | undefined = vault?.reseal({ rows, emitter });
  // Tabs that rotate at once would each have `save` keep a key, and only one of them is used.
  const exclusive = createExclusive(rows.adapter.watch && "cuitty-rotate");
  let following: Promise<unknown> | undefined;
  if (vault) rows.onChange(follow);

  /** The mark of a rotation, put by another tab after its new key is in use. */
  function follow({ type, facet, path }: AdapterChange, row: Row | undefined): void {
    if (facet !== rotationMark.facet || path !== rotationMark.path || type !== "put" || row) return;
    following = refreshed().catch(emitter.fail);
  }

  async function refreshed(): Promise<Vault> {
    const open = encrypted().vault;
    await open.refresh();
    return open;
  }

  function encrypted(): { vault: Vault; reseal: Reseal } {
    rows.assertOpen();
    if (vault && reseal) return { vault, reseal };
    throw new CuittyError("not_encrypted", "the store has no key: it was made without encrypt: true");
  }

  async function rotate({ save }: RotateOptions): Promise<Rotation> {
    const open = encrypted();
    if (!open.vault.storage.isLasting && !save && rows.adapter.name !== "memory") {
      throw new CuittyError(
        "key_storage_missing",
        'keyStorage is "none": pass `save` to rotateKey, or the new key would be lost with this process',
      );
    }
    let endAnnouncement: () => void = () => undefined;
    try {
      const epoch = await open.vault.rotate(async (next) => {
        if (save) await save(await open.vault.textOf(next));
        endAnnouncement();
        endAnnouncement = await open.reseal.announce();
      });
      const done = open.reseal.start();
      // Failures are told as `error`; a caller who does not await `done` must not get an unhandled rejection.
      done.catch(() => undefined);
      return { epoch, done };
    } finally {
      endAnnouncement();
    }
  }

  return {
    async exportKey(options = {}) {
      checkOptionsObject(options, "exportKey", ["passphrase"]);
      const { passphrase } = options;
      const { provider, ring, textOf } = await refreshed();
      if (passphrase === undefined) return textOf(ring);
      return (await import("./crypto/passphrase.ts")).wrapRing(provider, ring, passphrase);
    },
    async recoveryCode() {
      const { provider, ring } = await refreshed();
      return (await import("./crypto/recovery-code.ts")).ringToRecoveryCode(provider, ring);
    },
    async rotateKey(options = {}) {
      checkOptionsObject(options, "rotateKey", ["save"]);
      if (options.save !== undefined) checkFunction(options.save, "save");
      return exclusive(`${rows.adapter.name ?? "custom"}:${name}`, () => rotate(options));
    },
    status() {
      const open = encrypted();
      return { epoch: open.vault.ring.newest, epochs: open.vault.ring.epochs.length, rotating: open.reseal.isRunning() };
    },
    resume: async () => reseal?.resume(),
    async stop() {
      await reseal?.stop();
      await following;
    },
    createInvite: noInvites,
    acceptInvite: noInvites,
  };
}

async function noInvites(): Promise<never> {
  throw new CuittyError("unsupported_option", "invites are not in this release; move a key with exportKey and the `key` option");
}
