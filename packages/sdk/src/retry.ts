// When to try again: the delay table, Retry-After, and what a status means.

const maxRetryAfterMs = 300_000;

/** What to do after a reply. Status 0 stands for no usable reply. */
export type Verdict = "sent" | "retry" | "split" | "pause" | "drop";

/** Meaning of a status. A redirect is a wrong `portalUrl`: waiting keeps the events, following would drop the credentials. */
export function verdictOf(status: number, hasRetryAfter: boolean): Verdict {
  if (status === 413) return "split";
  if (status === 401 || status === 403 || (status >= 300 && status < 400)) return "pause";
  if (status === 0 || status === 408 || status === 429 || status >= 500 || (status === 409 && hasRetryAfter)) return "retry";
  return status < 300 ? "sent" : "drop";
}

/** Delay before retry `n` (1-based): 250, 1000, 4000 ms and so on up to a minute, +-20 %. Units: ms. */
export const retryDelayMs = (n: number): number => Math.min(60_000, 250 * 4 ** (n - 1)) * (0.8 + 0.4 * Math.random());

/** Retry-After as seconds or as a date, between 0 and 5 minutes; undefined when absent or malformed. Units: ms. Source: RFC 9110 section 10.2.3. */
export function parseRetryAfter(value: string | null | undefined): number | undefined {
  if (!value) return undefined;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1_000 : /^\s*[A-Za-z]/.test(value) ? Date.parse(value) - Date.now() : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}
