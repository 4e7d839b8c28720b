// When to try again: the delay table, Retry-After, and what a status means.

/** Longest Retry-After that is believed. Units: ms. */
const maxRetryAfterMs = 300_000;

/** What to do after a reply: it is done, try again, make two of it, wait for somebody to change something, or give up. */
export type Verdict = "sent" | "retry" | "split" | "pause" | "drop";

/** Meaning of a status; 0 stands for no usable reply. A redirect is a wrong `portalUrl`: following it would lose the credentials, waiting keeps the events. */
export function verdictOf(status: number, retryAfterMs: number | undefined): Verdict {
  if (status === 413) return "split";
  if (status === 401 || status === 403 || (status > 299 && status < 400)) return "pause";
  if (!status || status === 408 || status === 429 || status > 499 || (status === 409 && retryAfterMs !== undefined)) return "retry";
  return status < 300 ? "sent" : "drop";
}

/** Delay before retry `n` (1-based): 250, 1000, 4000 ms and so on up to a minute, +-20 %. Units: ms. */
export const retryDelayMs = (n: number): number => Math.min(60_000, 250 * 4 ** (n - 1)) * (0.8 + 0.4 * Math.random());

/** Retry-After as seconds or as a date, between 0 and 5 minutes; undefined when absent or malformed. Units: ms. Source: RFC 9110 section 10.2.3. */
export function parseRetryAfter(value: string | null | undefined): number | undefined {
  const ms = /^\d+$/.test(value as string)
    ? +(value as string) * 1_000
    : /^[A-Z]/.test(value as string)
      ? Date.parse(value as string) - Date.now()
      : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}
