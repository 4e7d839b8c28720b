// One-time tickets: how a browser's EventSource, which cannot send a key, proves who it is, and keeps proving it when it reconnects.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { CuittyError } from "@cuitty/wire-protocol";
import { type Clock, type RandomBytes, systemClock, systemRandom } from "../clock.ts";
import type { Subject } from "../route.ts";

export interface StreamTicketsOptions {
  /** Signs the cookies; keep it over restarts, so that open pages reconnect. At least 32 bytes. @default random for this process */
  readonly secret?: Uint8Array | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
  /** @default the system's */
  readonly random?: RandomBytes | undefined;
}

/** Whose streams a ticket opens. */
export interface TicketHolder {
  readonly subject: Subject;
  readonly projectId: string;
  /** The only topics it opens. @default all that the subject may read */
  readonly topics?: readonly string[];
  /**
   * What shows that a user is still who he was: his session, which the browser sends itself, or the request that asked for the ticket.
   * @default what needs no proof here: an API key, or the app whose code made the ticket
   */
  readonly proof?: "session" | "request";
}

/** Asks the app again who sent a request; null when it does not know him any more. */
export type AskAgain = () => Promise<Subject | null>;

export interface IssuedTicket {
  readonly ticket: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

export interface Redemption {
  readonly holder: TicketHolder;
  /** What the ticket was issued with; null when that was nothing, or is not known any more. */
  readonly askAgain: AskAgain | null;
  /**
   * Value of `Set-Cookie`: for 24 hours from now each time the stream is opened. With the proof `request` it ends when the first cookie would have:
   * only this process can ask again, so that after a restart nobody could revoke it.
   */
  setCookie(proof?: TicketHolder["proof"]): string;
}

export interface TicketPresentation {
  readonly ticket: string;
  /** The request's `Cookie` header. */
  readonly cookie: string | null;
  /** Path of the stream as the browser sees it: the cookie is sent there only. */
  readonly path: string;
  readonly isHttps: boolean;
}

export interface StreamTickets {
  /** Valid for 30 seconds and one use. `askAgain` is kept as long as the ticket's cookie. Errors: `overloaded` when too many are unused. */
  issue(holder: TicketHolder, askAgain?: AskAgain): IssuedTicket;
  /** The holder by the cookie of this ticket, else by the ticket itself, which is used up then; null when neither is good. */
  redeem(presentation: TicketPresentation): Redemption | null;
}

const ticketMs = 30_000;
const sessionMs = 86_400_000;
const maxOpenTickets = 10_000;
/** Whoever asks again and again leaves the others theirs. */
const maxOpenOfProject = 1_000;
const maxAskers = 10_000;

interface OpenTicket {
  readonly holder: TicketHolder;
  readonly askAgain: AskAgain | null;
  readonly expiresAtMs: number;
}

interface Session {
  readonly holder: TicketHolder;
  readonly expiresAtMs: number;
}

export function createStreamTickets(options: StreamTicketsOptions = {}): StreamTickets {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const secret = options.secret ?? random(32);
  if (secret.byteLength < 32) throw new CuittyError("invalid_option", "secret: expected at least 32 bytes");
  /** Hash of the ticket to its holder: a dump of the process gives no usable ticket. In order of expiry. */
  const openTickets = new Map<string, OpenTicket>();
  const openByProject = new Map<string, number>();
  /** By the name of the cookie, in order of expiry. */
  const askers = new Map<string, { readonly askAgain: AskAgain; readonly expiresAtMs: number }>();

  function countOpen(projectId: string, change: 1 | -1): void {
    const count = (openByProject.get(projectId) ?? 0) + change;
    if (count === 0) openByProject.delete(projectId);
    else openByProject.set(projectId, count);
  }

  const closeTicket = ({ holder }: OpenTicket): void => countOpen(holder.projectId, -1);

  function takeTicket(name: string): TicketHolder | null {
    const open = openTickets.get(name);
    if (openTickets.delete(name) && open !== undefined) closeTicket(open);
    if (open === undefined || isOver(open, clock(), ticketMs)) return null;
    if (open.askAgain !== null) keepAsker(name, open.askAgain);
    return open.holder;
  }

  function keepAsker(name: string, askAgain: AskAgain): void {
    const nowMs = clock();
    dropExpired(askers, { nowMs, lifeMs: sessionMs });
    const [oldest] = askers.keys();
    if (oldest !== undefined && askers.size >= maxAskers) askers.delete(oldest);
    askers.set(name, { askAgain, expiresAtMs: nowMs + sessionMs });
  }

  const sign = (name: string, payload: string): Buffer =>
    createHmac("sha256", secret).update(`cuitty.stream-session\n${name}\n${payload}`).digest();

  function sessionOf(name: string, cookie: string | null): Session | null {
    const [payload, signature] = cookieValue(cookie, name)?.split(".") ?? [];
    if (payload === undefined || signature === undefined) return null;
    const given = Buffer.from(signature, "base64url");
    const expected = sign(name, payload);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    const session = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Session;
    return session.expiresAtMs > clock() ? session : null;
  }

  return {
    issue(holder, askAgain) {
      const nowMs = clock();
      dropExpired(openTickets, { nowMs, lifeMs: ticketMs, onDrop: closeTicket });
      if (openTickets.size >= maxOpenTickets || (openByProject.get(holder.projectId) ?? 0) >= maxOpenOfProject) {
        throw new CuittyError(
          "overloaded",
          "Too many unused stream tickets; use those that were issued, they are good for 30 s, or try again",
          {
            retryable: true,
            details: { retryAfterSeconds: 30 },
          },
        );
      }
      const ticket = Buffer.from(random(32)).toString("base64url");
      countOpen(holder.projectId, 1);
      openTickets.set(nameOf(ticket), { holder, askAgain: askAgain ?? null, expiresAtMs: nowMs + ticketMs });
      return { ticket, expiresAt: new Date(nowMs + ticketMs).toISOString() };
    },
    redeem({ ticket, cookie, path, isHttps }) {
      const name = nameOf(ticket);
      const session = sessionOf(name, cookie);
      const holder = session?.holder ?? takeTicket(name);
      if (holder === null) return null;
      return {
        holder,
        askAgain: askers.get(name)?.askAgain ?? null,
        setCookie(proof = holder.proof) {
          const nowMs = clock();
          if (proof !== "request") askers.delete(name);
          const expiresAtMs = proof === "request" && session !== null ? session.expiresAtMs : nowMs + sessionMs;
          const renewed: Session = { holder: proof === undefined ? holder : { ...holder, proof }, expiresAtMs };
          const payload = Buffer.from(JSON.stringify(renewed), "utf8").toString("base64url");
          const value = `${payload}.${sign(name, payload).toString("base64url")}`;
          const maxAgeSeconds = Math.ceil((expiresAtMs - nowMs) / 1000);
          return `${name}=${value}; Path=${path}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isHttps ? "; Secure" : ""}`;
        },
      };
    },
  };
}

interface Expiring {
  readonly expiresAtMs: number;
}

/** One that has much longer to go than any is given was made before the clock was put back: it would outlive its time, and keep those behind it. */
function isOver({ expiresAtMs }: Expiring, nowMs: number, lifeMs: number): boolean {
  return expiresAtMs <= nowMs || expiresAtMs > nowMs + 2 * lifeMs;
}

interface Expiry<Entry> {
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly onDrop?: (entry: Entry) => void;
}

/** Of a map in order of expiry. */
function dropExpired<Entry extends Expiring>(entries: Map<string, Entry>, { nowMs, lifeMs, onDrop }: Expiry<Entry>): void {
  for (const [key, entry] of entries) {
    if (!isOver(entry, nowMs, lifeMs)) return;
    entries.delete(key);
    onDrop?.(entry);
  }
}

// Each ticket has a cookie of its own: two pages of one browser, of two projects perhaps, do not take each other's.
const nameOf = (ticket: string): string => `cuitty_stream_${createHash("sha256").update(ticket).digest("hex").slice(0, 24)}`;

function cookieValue(header: string | null, name: string): string | null {
  for (const part of header?.split(";") ?? []) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name && value !== undefined) return value;
  }
  return null;
}
