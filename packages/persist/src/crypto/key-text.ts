// Reads any text form of a key: an export, a passphrase export, a recovery code.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type KeyRing, textToRing } from "./key-ring.ts";
import type { CryptoProvider } from "./providers/provider.ts";

/** A recovery code has as many characters, but nearly every one holds a letter above F. */
const hexKey = /^[0-9a-f]{64}$/i;

/** Errors: `key_invalid`, `passphrase_missing`, `passphrase_wrong`. */
export async function parseKey(provider: CryptoProvider, text: string, passphrase: string | undefined): Promise<KeyRing> {
  const trimmed = text.trim();
  if (trimmed.startsWith("cuitty-key-scrypt-")) return (await import("./passphrase.ts")).unwrapRing(provider, trimmed, passphrase);
  if (hexKey.test(trimmed)) throw notText();
  const recovery = await import("./recovery-code.ts");
  if (recovery.looksLikeRecoveryCode(trimmed)) return recovery.recoveryCodeToRing(provider, trimmed);
  return textToRing(provider, trimmed);
}

function notText(): CuittyError {
  return new CuittyError(
    "key_invalid",
    "64 hexadecimal digits are no form of a key: pass the 32 bytes themselves, an exported key (cuitty-key-…) or the recovery code",
  );
}
