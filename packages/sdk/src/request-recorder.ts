// What the HTTP middlewares need of a client, and the few helpers they share.
import type { RequestRecord } from "./plugin.ts";

/** The part of a client that takes finished requests; `createCuittyClient` returns one. */
export interface RequestRecorder {
  /** Hands the record to the `request` hook of every plugin. Never throws. */
  recordRequest(record: RequestRecord): void;
  /** Sends what is buffered; used where the platform freezes the process after a response. Never rejects. */
  flush(): Promise<unknown>;
  /** As `flush`, but leaves a server alone that asked for a pause: used instead where there is one. */
  drain?(): Promise<unknown>;
}

const maxPathChars = 2_048;
const maxUserAgentChars = 1_024;

/** Path of a request target, without host, user info, query and fragment (a proxy may send `http://user:pass@host/path?q`). */
export function pathOf(target: string): string {
  let path = target;
  if (!path.startsWith("/")) path = URL.canParse(path) ? new URL(path).pathname : `/${path}`;
  const end = path.search(/[?#]/);
  if (end >= 0) path = path.slice(0, end);
  return path.length > maxPathChars ? path.slice(0, maxPathChars) : path;
}

/** A header of a request as it may be recorded: bounded, and absent when empty. */
export function userAgentOf(header: string | undefined): string | undefined {
  return header ? header.slice(0, maxUserAgentChars) : undefined;
}

/**
 * Address of the client as the outermost of `hops` trusted proxies wrote it into X-Forwarded-For: the entry that many from the right.
 * With 0 hops the header is not read at all, since anybody can send one.
 */
export function forwardedIp(header: string | undefined, hops: number): string | undefined {
  if (hops <= 0 || !header) return undefined;
  const entries = header.split(",").map((entry) => entry.trim());
  const entry = entries[Math.max(0, entries.length - hops)];
  return entry ? entry.slice(0, 64) : undefined;
}
