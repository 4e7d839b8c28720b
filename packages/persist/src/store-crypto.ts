// `store.crypto`: the store's keys out, and new keys in.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Emitter } from "./core/emitter.ts";
import type { Rows } from "./core/rows.ts";
import { createKeyRing, ringToText } from "./crypto/key-ring.ts";
import { randomBytes } from "./crypto/providers/provider.ts";
import { checkFunction, checkOptionsObject } from "./facets/check.ts";
import { createReseal, type Reseal } from "./reseal.ts";
import type { Vault } from "./unlock.ts";

export interface ExportKeyOptions {
  /** At least 8 characters; the export is worthless without it. @default none: the text itself opens the store */
  readonly passphrase?: string;
}

export interface RotateOptions {
  /** Called with the new exported key before anything is sealed with it. Needed with keyStorage "none", where nothing else keeps it. */
  readonly save?: (exportedKey: string) => Promise<unknown> | unknown;
}

export interface Rotation {
  readonly epoch: number;
  /** Resolves when every value is sealed anew; progress is told by `events.on("rotation")`. Closing the store stops it: it rejects with `store_closed`, and the next open goes on. */
  readonly done: Promise<void>;
}

/** Errors of all methods: `not_encrypted` for a store without encryption. */
export interface StoreCrypto {
  /** Every key of the store as one line of text: for a backup, or `key` on another device. */
  exportKey(options?: ExportKeyOptions): Promise<string>;
  /** The newest key as 64 characters in groups of five, to print. With the store's file it opens everything. */
  recoveryCode(): Promise<string>;
  /** Makes a new key. New writes use it at once; existing values are sealed anew in the background. Old keys stay in the sealed ring. */
  rotateKey(options?: RotateOptions): Promise<Rotation>;
  /** Epoch of the newest key, and whether old values are still being sealed anew. */
  status(): { readonly epoch: number; readonly epochs: number; readonly rotating: boolean };
  /** @internal Goes on with a rotation that was interrupted. */
  resume(): Promise<void>;
  /** @internal */
  stop(): Promise<void>;
  createInvite(): Promise<never>;
  acceptInvite(code: string): Promise<never>;
}

export interface StoreCryptoParts {
  readonly rows: Rows;
  readonly vault: Vault | undefined;
  readonly emitter: Emitter;
}

export function createStoreCrypto({ rows, vault, emitter }: StoreCryptoParts): StoreCrypto {
  const reseal: Reseal | undefined = vault && createReseal({ rows, epoch: () => vault.ring.newest, emitter });
  let rotating: Promise<unknown> = Promise.resolve();

  function encrypted(): { vault: Vault; reseal: Reseal } {
    rows.assertOpen();
    if (vault && reseal) return { vault, reseal };
    throw new CuittyError("not_encrypted", "the store has no key: it was made without encrypt: true");
  }

  async function rotate({ save }: RotateOptions): Promise<Rotation> {
    const open = encrypted();
    const epoch = open.vault.ring.newest + 1;
    const next = open.vault.ring.with(createKeyRing([[epoch, randomBytes(32)]]));
    if (!open.vault.storage.isLasting && !save && rows.adapter.name !== "memory") {
      throw new CuittyError(
        "key_storage_missing",
        'keyStorage is "none": pass `save` to rotateKey, or the new key would be lost with this process',
      );
    }
    if (save) await save(await ringToText(open.vault.provider, next));
    const endAnnouncement = await open.reseal.announce();
    let done: Promise<void>;
    try {
      await open.vault.extend(next);
      done = open.reseal.start();
    } finally {
      endAnnouncement();
    }
    // Failures are told as `error`; a caller who does not await `done` must not get an unhandled rejection.
    done.catch(() => undefined);
    return { epoch, done };
  }

  return {
    async exportKey(options = {}) {
      checkOptionsObject(options, "exportKey", ["passphrase"]);
      const { passphrase } = options;
      const { provider, ring } = encrypted().vault;
      if (passphrase === undefined) return ringToText(provider, ring);
      return (await import("./crypto/passphrase.ts")).wrapRing(provider, ring, passphrase);
    },
    async recoveryCode() {
      const { provider, ring } = encrypted().vault;
      return (await import("./crypto/recovery-code.ts")).ringToRecoveryCode(provider, ring);
    },
    async rotateKey(options = {}) {
      checkOptionsObject(options, "rotateKey", ["save"]);
      if (options.save !== undefined) checkFunction(options.save, "save");
      const next = rotating.then(() => rotate(options));
      rotating = next.catch(() => undefined);
      return next;
    },
    status() {
      const open = encrypted();
      return { epoch: open.vault.ring.newest, epochs: open.vault.ring.epochs.length, rotating: open.reseal.isRunning() };
    },
    resume: async () => reseal?.resume(),
    stop: async () => reseal?.stop(),
    createInvite: noInvites,
    acceptInvite: noInvites,
  };
}

async function noInvites(): Promise<never> {
  throw new CuittyError("unsupported_option", "invites are not in this release; move a key with exportKey and the `key` option");
}
