// One-time tickets: how a browser's EventSource, which cannot send a key, proves who it is, and keeps proving it when it reconnects.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { CuittyError } from "@cuitty/wire-protocol";
import { type Clock, type RandomBytes, systemClock, systemRandom } from "../clock.ts";
import type { Subject } from "../route.ts";

export interface StreamTicketsOptions {
  /** Signs the cookies; keep it over restarts, so that open pages reconnect. At least 32 bytes. @default random for this process */
  readonly secret?: Uint8Array;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's */
  readonly random?: RandomBytes;
}

/** Whose streams a ticket opens. */
export interface TicketHolder {
  readonly subject: Subject;
  readonly projectId: string;
  /** The only topics it opens. @default all that the subject may read */
  readonly topics?: readonly string[];
}

export interface IssuedTicket {
  readonly ticket: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

export interface Redemption {
  readonly holder: TicketHolder;
  /** Value of `Set-Cookie`: renewed each time the stream is opened. */
  readonly setCookie: string;
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
  /** Valid for 30 seconds and one use. Errors: `overloaded` when too many are unused. */
  issue(holder: TicketHolder): IssuedTicket;
  /** The holder by the cookie of this ticket, else by the ticket itself, which is used up then; null when neither is good. */
  redeem(presentation: TicketPresentation): Redemption | null;
}

const ticketMs = 30_000;
const sessionMs = 86_400_000;
const maxOpenTickets = 10_000;

export function createStreamTickets(options: StreamTicketsOptions = {}): StreamTickets {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const secret = options.secret ?? random(32);
  if (secret.byteLength < 32) throw new CuittyError("invalid_option", "secret: expected at least 32 bytes");
  /** Hash of the ticket to its holder: a dump of the process gives no usable ticket. In order of expiry. */
  const openTickets = new Map<string, { readonly holder: TicketHolder; readonly expiresAtMs: number }>();

  function dropExpired(nowMs: number): void {
    for (const [key, { expiresAtMs }] of openTickets) {
      if (expiresAtMs > nowMs) return;
      openTickets.delete(key);
    }
  }

  function takeTicket(ticket: string): TicketHolder | null {
    const key = nameOf(ticket);
    const open = openTickets.get(key);
    openTickets.delete(key);
    return open !== undefined && open.expiresAtMs > clock() ? open.holder : null;
  }

  const sign = (name: string, payload: string): Buffer =>
    createHmac("sha256", secret).update(`cuitty.stream-session\n${name}\n${payload}`).digest();

  function sessionOf(name: string, cookie: string | null): TicketHolder | null {
    const [payload, signature] = cookieValue(cookie, name)?.split(".") ?? [];
    if (payload === undefined || signature === undefined) return null;
    const given = Buffer.from(signature, "base64url");
    const expected = sign(name, payload);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    const { holder, expiresAtMs } = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as {
      holder: TicketHolder;
      expiresAtMs: number;
    };
    return expiresAtMs > clock() ? holder : null;
  }

  return {
    issue(holder) {
      const nowMs = clock();
      dropExpired(nowMs);
      if (openTickets.size >= maxOpenTickets) {
        throw new CuittyError("overloaded", "Too many unused stream tickets; try again", {
          retryable: true,
          details: { retryAfterSeconds: 30 },
        });
      }
      const ticket = Buffer.from(random(32)).toString("base64url");
      openTickets.set(nameOf(ticket), { holder, expiresAtMs: nowMs + ticketMs });
      return { ticket, expiresAt: new Date(nowMs + ticketMs).toISOString() };
    },
    redeem({ ticket, cookie, path, isHttps }) {
      const name = nameOf(ticket);
      const holder = sessionOf(name, cookie) ?? takeTicket(ticket);
      if (holder === null) return null;
      const payload = Buffer.from(JSON.stringify({ holder, expiresAtMs: clock() + sessionMs }), "utf8").toString("base64url");
      const value = `${payload}.${sign(name, payload).toString("base64url")}`;
      const setCookie = `${name}=${value}; Path=${path}; Max-Age=${sessionMs / 1000}; HttpOnly; SameSite=Strict${isHttps ? "; Secure" : ""}`;
      return { holder, setCookie };
    },
  };
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
