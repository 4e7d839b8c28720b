// Who a stream is for: an API key, the app's own session, or a ticket that one of them or the app's code asked for; and how that is asked again.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Authenticate } from "./auth/authenticate.ts";
import type { Identity } from "./auth/open-identity.ts";
import { authenticate } from "./ingest/authenticate.ts";
import type { OwnedContext } from "./ingest/context.ts";
import type { Subject } from "./route.ts";
import { projectOrThrow } from "./routes/resources.ts";
import type { AskAgain, IssuedTicket, Redemption, StreamTickets } from "./sse/tickets.ts";

export interface Listener {
  readonly subject: Subject;
  readonly projectId: string;
  /** The only topics that a ticket opens. */
  readonly topics?: readonly string[];
  /** Null where there is nobody to ask: for keys, which the kit knows itself, and for tickets of the app's own code. */
  readonly askAgain: AskAgain | null;
  /** Renews a ticket's cookie. */
  readonly setCookie?: string;
}

export interface Listeners {
  /** By key or session. Errors: those of `authenticate`, `invalid_request` when no project is named. */
  ofRequest(context: OwnedContext): Promise<Listener>;
  /** Errors: `unauthorized` for a ticket that is not good, or whose key or session is over; `not_found` for a deleted project. */
  ofTicket(context: OwnedContext, ticket: string): Promise<Listener>;
  /** A ticket for whoever sent this request, good as long as he is known. */
  issueTicket(context: OwnedContext, listener: Listener): IssuedTicket;
}

export interface ListenerPorts {
  readonly identity: Identity;
  readonly tickets: StreamTickets;
  /** The app's own sessions. */
  readonly authenticate: Authenticate | undefined;
}

export function createListeners({ identity, tickets, authenticate: port }: ListenerPorts): Listeners {
  const identify = authenticate(identity.keys, { authenticate: port });

  /** Asks for the same user, who may have other rights by now. */
  function askerOf(request: Request, { subject, projectId }: Pick<Listener, "subject" | "projectId">): AskAgain | null {
    if (port === undefined || subject.kind !== "user") return null;
    return async () => {
      const found = await port(request);
      const isSame = found?.id === subject.id && found.kind === "user";
      return isSame && (found.projectId === null || found.projectId === projectId) ? found : null;
    };
  }

  /** Best asked by the browser's own session; where it sends none, by the request that the ticket was asked for with. */
  async function ofSession(request: Request, { holder, askAgain, setCookie }: Redemption): Promise<Listener> {
    const askOwn = askerOf(request, holder);
    const own = await askOwn?.();
    if (own) return { ...holder, subject: own, askAgain: askOwn, setCookie: setCookie("session") };
    if (holder.proof === "session") throw sessionOver();
    const subject = askAgain === null ? holder.subject : await askAgain();
    if (subject === null) throw sessionOver();
    return { ...holder, subject, askAgain, setCookie: setCookie() };
  }

  return {
    async ofRequest(context) {
      await identify(context);
      const { projectId } = context;
      const subject = context.subject as Subject;
      if (projectId === null)
        throw new CuittyError("invalid_request", "Expected X-Project-Id to name the project, as this credential is not bound to one");
      return { subject, projectId, askAgain: askerOf(context.exchange.request, { subject, projectId }) };
    },
    async ofTicket({ exchange }, ticket) {
      const path = (exchange.mountPath ?? "") + exchange.path;
      const isHttps = exchange.request.url.startsWith("https:");
      const redeemed = tickets.redeem({ ticket, cookie: exchange.header("cookie"), path, isHttps });
      if (redeemed === null) throw new CuittyError("unauthorized", "Expected a ticket that is neither used nor expired; ask for a new one");
      const { holder } = redeemed;
      projectOrThrow(identity, holder.projectId);
      if (holder.proof !== undefined) return ofSession(exchange.request, redeemed);
      if (holder.subject.kind === "api_key" && !identity.keys.isLive(holder.subject.id))
        throw new CuittyError("unauthorized", "The key of this stream was revoked or has expired; ask for a new ticket");
      return { ...holder, askAgain: null, setCookie: redeemed.setCookie() };
    },
    issueTicket({ exchange }, { subject, projectId, topics }) {
      const holder = { subject, projectId, ...(topics === undefined ? undefined : { topics }) };
      if (subject.kind === "api_key") return tickets.issue(holder);
      // Of what may be a host's own object, with its sockets, only the headers are kept.
      const { url, headers } = exchange.request;
      return tickets.issue({ ...holder, proof: "request" }, askerOf(new Request(url, { headers }), holder) ?? undefined);
    },
  };
}

function sessionOver(): CuittyError {
  return new CuittyError("unauthorized", "The session of this ticket is over; sign in and ask for a new one");
}
