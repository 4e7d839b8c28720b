// The key that encrypts webhook secrets at rest: from an option, the environment, or a 0600 file made on first use.
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { CuittyError } from "@cuitty/wire-protocol";
import type { RandomBytes } from "../clock.ts";

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const version = 1;

/** Seals and opens short secrets. `keyId` tells which master key sealed a row. */
export interface SecretBox {
  readonly keyId: string;
  /** A key of its own for another purpose; 32 bytes, the same for the same master key. */
  derive(purpose: string): Uint8Array;
  /** Shape: text → version byte, nonce, ciphertext, tag (AES-256-GCM); `context` is bound as associated data, so that a row cannot be moved. */
  seal(text: string, context: string): Uint8Array;
  /** Errors: `master_key_mismatch` when another key sealed it or the bytes were changed. */
  open(sealed: Uint8Array, context: string): string;
}

export interface MasterKeySource {
  /** 32 bytes, or their 64 hex digits or base64. */
  readonly masterKey?: string | Uint8Array;
  /** Where the key file is made when neither option nor environment has one. */
  readonly keyFilePath: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly random: RandomBytes;
  /** How many of the stored secrets in use another key than the one of this id has sealed; all of them for null. */
  readonly countForeign: (keyId: string | null) => number;
}

/**
 * Order: option, `CUITTY_MASTER_KEY`, key file.
 * **Errors**: `invalid_master_key`, also when another key sealed what is stored; `insecure_key_file`.
 */
export function loadSecretBox(source: MasterKeySource): SecretBox {
  const { masterKey, environment, random } = source;
  const given = masterKey ?? environment?.CUITTY_MASTER_KEY;
  const isGiven = given !== undefined && given !== "";
  const box = createSecretBox(isGiven ? parseMasterKey(given) : readKeyFile(source), random);
  if (source.countForeign(box.keyId) > 0) {
    const where = !isGiven ? source.keyFilePath : masterKey === undefined ? "CUITTY_MASTER_KEY" : "the option masterKey";
    throw foreignSecrets(source, `got another one from ${where}`);
  }
  return box;
}

/** To open all the same would take batches in and then refuse each of them, as their signatures cannot be checked. */
function foreignSecrets({ keyFilePath }: MasterKeySource, found: string): CuittyError {
  return new CuittyError(
    "invalid_master_key",
    `Expected the master key that sealed the webhook secrets in system.db, ${found}; give that key as masterKey or CUITTY_MASTER_KEY, or put its file back at ${keyFilePath}. If it is lost for good, delete the rows of project_secrets in system.db and rotate the secret of every project`,
  );
}

/** A box on 32 raw bytes. */
export function createSecretBox(masterKey: Uint8Array, random: RandomBytes): SecretBox {
  const keyId = createHash("sha256").update("cuitty master key id").update(masterKey).digest("hex").slice(0, 16);
  return {
    keyId,
    derive: (purpose) => new Uint8Array(hkdfSync("sha256", masterKey, "", `cuitty ${purpose}`, keyBytes)),
    seal(text, context) {
      const nonce = random(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", masterKey, nonce);
      cipher.setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([Buffer.of(version), nonce, body, cipher.getAuthTag()]);
    },
    open(sealed, context) {
      try {
        if (sealed[0] !== version || sealed.length < 1 + nonceBytes + tagBytes) throw new Error("unknown version");
        const decipher = createDecipheriv("aes-256-gcm", masterKey, sealed.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes });
        decipher.setAAD(Buffer.from(context));
        decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
        const body = sealed.subarray(1 + nonceBytes, sealed.length - tagBytes);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new CuittyError(
          "master_key_mismatch",
          "A stored webhook secret does not open with this master key; start with the key that sealed it, or rotate the secret",
          { cause },
        );
      }
    },
  };
}

function parseMasterKey(given: string | Uint8Array): Uint8Array {
  const bytes =
    typeof given !== "string" ? given : /^[0-9a-fA-F]{64}$/.test(given) ? Buffer.from(given, "hex") : Buffer.from(given, "base64");
  if (bytes.length === keyBytes) return bytes;
  throw new CuittyError(
    "invalid_master_key",
    `Expected a master key of ${keyBytes} bytes as hex or base64, got ${bytes.length} bytes; make one with: openssl rand -hex 32`,
  );
}

function readKeyFile(source: MasterKeySource): Uint8Array {
  const path = source.keyFilePath;
  if (!existsSync(path)) {
    if (source.countForeign(null) > 0) throw foreignSecrets(source, `but ${path} is not there`);
    const key = source.random(keyBytes);
    writeFileSync(path, `${Buffer.from(key).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    // The umask may have taken bits away, never added any; this is for file systems that ignore the mode on creation.
    chmodSync(path, 0o600);
    return key;
  }
  const mode = statSync(path).mode & 0o077;
  if (process.platform !== "win32" && mode !== 0) {
    throw new CuittyError("insecure_key_file", `Expected ${path} to be readable by its owner alone; run: chmod 600 ${path}`);
  }
  return parseMasterKey(readFileSync(path, "utf8").trim());
}
