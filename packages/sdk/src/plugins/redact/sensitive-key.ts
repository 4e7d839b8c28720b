// Tells by its name whether a field holds a secret.

const words = new Set(
  (
    "password passwd pwd pass passphrase passcode pin secret secrets token credential credentials cred creds authorization bearer cookie cookies dsn salt " +
    "apikey secretkey accesskey privatekey signingkey encryptionkey masterkey sessionkey authkey sshkey jwt otp totp mfa cvv cvc ssn"
  ).split(" "),
);
/** Words that make a following `key` (or `keys`, `string`, `code`, `tokens`) a secret. */
const before = new Set(
  "api secret access private signing encryption master session auth ssh account service storage shared connection license".split(" "),
);
const after = new Set("key keys tokens".split(" "));
/** Endings of words that are written together: `dbpassword`, `requirepass`, `authtoken`. */
const ending = /(?:password|passwd|passphrase|secret|apikey|authtoken|accesstoken|requirepass|masterauth)$/;

/** What the app adds: names (compared without case) or patterns. */
export type ExtraKeys = readonly (string | RegExp)[];

/**
 * True for `password`, `dbPassword`, `STRIPE_API_KEY`, `x-auth-token`; false for `max_tokens`, `passenger`, `author`, `keyboard`.
 * Names are split at case changes, digits and punctuation, and compared word by word.
 */
export function isSensitiveKey(name: string, extra: ExtraKeys = []): boolean {
  const parts = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z]+/);
  const isKnown = parts.some((part, index) => {
    if (words.has(part) || ending.test(part)) return true;
    const next = parts[index + 1] ?? "";
    return (before.has(part) && after.has(next)) || (part === "connection" && next === "string");
  });
  return (
    isKnown ||
    extra.some((key) =>
      typeof key === "string"
        ? key.toLowerCase() === name.toLowerCase()
        : new RegExp(key.source, key.flags.replace(/[gy]/g, "")).test(name),
    )
  );
}
