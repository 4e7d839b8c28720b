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
/** Endings of words that are written together: `dbpassword`, `requirepass`, `authtoken`. Not `pass`, `pin` and `salt`, on which harmless words end. */
const ending = new RegExp(
  "(?:(?:password|passwd|pwd|passphrase|passcode|secret|credential|cookie|dsn|jwt|otp|connectionstring)s?|creds|proxyauthorization|masterauth|token|" +
    "(?:require|db|user|root|admin|smtp|mail|redis|mysql)pass|" +
    // Other tokens in the plural are counted, not kept secret: `maxtokens`.
    "(?:access|refresh|^id|auth|bearer|session|api|csrf|xsrf|secret|private)tokens|" +
    `(?:${[...before].join("|")})keys?)$`,
);
/** What tells of a plural that it says where secrets are, or how many: `passwords_file`. */
const places = new Set("file files path paths dir count policy".split(" "));
/** All but `tokens`, which are more often counted than kept secret. */
const plurals = new Set([...words].filter((word) => word !== "token").map((word) => `${word}s`));

/** Names that hold a secret when they hold a text: `tokens` may be a number of them, `session` and `auth` an object with more in it. */
const holder = /(?:^|[^a-z])(?:tokens|session(?:[^a-z]?id)?|auth|sid)$/i;

/** True for `tokens`, `userTokens`, `sessionId`, `auth`, whose texts and lists are secret and whose numbers are not. */
export const isSecretHolder = (name: string): boolean => holder.test(name.slice(-32).replace(/([a-z0-9])([A-Z])/g, "$1 $2"));

/** What the app adds: names (compared without case) or patterns. */
export type ExtraKeys = readonly (string | RegExp)[];

/**
 * True for `password`, `dbPassword`, `STRIPE_API_KEY`, `x-auth-token`; false for `max_tokens`, `passenger`, `author`, `keyboard`.
 * Names are split at case changes, digits and punctuation, and compared word by word.
 */
export function isSensitiveKey(name: string, extra: ExtraKeys = []): boolean {
  // Names may be a stranger's, and of any length: the end of a run of capitals is not looked for from each of them.
  const parts = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])(?=[A-Z][a-z])/g, "$1 ")
    .toLowerCase()
    .split(/[^a-z]+/);
  const isKnown = parts.some((part, index) => {
    const next = parts[index + 1] ?? "";
    if (words.has(part) || ((plurals.has(part) || ending.test(part)) && !(/[^s]s$/.test(part) && places.has(next)))) return true;
    return ((before.has(part) || part === "refresh") && after.has(next)) || (part === "connection" && /^strings?$/.test(next));
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
