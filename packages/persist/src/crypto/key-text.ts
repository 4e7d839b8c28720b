// Reads any text form of a key: an export, a passphrase export, a recovery code.
import { type KeyRing, textToRing } from "./key-ring.ts";
import type { CryptoProvider } from "./providers/provider.ts";

/** Errors: `key_invalid`, `passphrase_missing`, `passphrase_wrong`. */
export async function parseKey(provider: CryptoProvider, text: string, passphrase: string | undefined): Promise<KeyRing> {
  const trimmed = text.trim();
  if (trimmed.startsWith("cuitty-key-scrypt-")) return (await import("./passphrase.ts")).unwrapRing(provider, trimmed, passphrase);
  const recovery = await import("./recovery-code.ts");
  if (recovery.looksLikeRecoveryCode(trimmed)) return recovery.recoveryCodeToRing(provider, trimmed);
  return textToRing(provider, trimmed);
}
