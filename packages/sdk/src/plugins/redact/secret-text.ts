// Finds secrets in free text by their shape.

/** Stands where a secret was. */
export const REDACTED = "[redacted]";

// Something of every pattern below: a text without any of it, which is nearly every text, is searched once instead of sixteen times.
const hint =
  /:\/\/|\b(?:Bearer|Basic)\s|cookie:|PRIVATE KEY|cuitty_sk_|[sr]k[_-]|whsec_|gh[oprsu]_|github_pat_|glpat-|A[KS]IA|AIza|xox|npm_|SG\.|eyJ/i;

// Texts come from strangers: each pattern takes time in proportion to their length. A token begins where no character of it stands in front, so that
// a run of beginnings is one; nothing is looked for in front of "://".
const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$(?![\s\S]))/g,
  /\bcuitty_sk_[A-Za-z0-9_-]{8,}/g,
  /\b(?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}/g,
  /\bsk-(?:[A-Za-z]+-)*[A-Za-z0-9_-]{20,}/g,
  /\bgh[oprsu]_[A-Za-z0-9]{30,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{22,}/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bAIza[A-Za-z0-9_-]{35}/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g,
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/g,
];

const jsonWebToken = /(^|[^A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g;
const urlCredentials = /(:\/\/)[^\s/"'<>]*@/g;
/** To the end of the header's line: which of a site's cookies are secret nobody can tell. */
const cookies = /\b((?:set-)?cookie:[ \t]?)(?=[^\s=;,"'`]{1,64}=)[^\r\n"'`]+/gi;
const authorization = /\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi;

/** The text with URL credentials, authorization values, cookies of headers, private keys and well-known tokens replaced; other text is returned as it is. */
export function redactText(text: string): string {
  if (!hint.test(text)) return text;
  let clean = text;
  for (const shape of shapes) clean = clean.replace(shape, REDACTED);
  clean = clean.replace(jsonWebToken, `$1${REDACTED}`).replace(cookies, `$1${REDACTED}`);
  return clean.replace(urlCredentials, `$1${REDACTED}@`).replace(authorization, `$1 ${REDACTED}`);
}
