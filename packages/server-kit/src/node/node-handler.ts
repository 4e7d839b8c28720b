// A kit as a request listener of node:http and node:http2, for servers without a framework.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { CuittyError } from "@cuitty/wire-protocol";
import { createContextMaker } from "../ingest/context.ts";
import type { ServerKit } from "../kit.ts";
import { problemReply } from "../respond.ts";
import { assertKit } from "./assert-kit.ts";
import { nodeExchange } from "./exchange.ts";
import { sendResponse } from "./send.ts";

/** What mounting needs of a kit. */
export type MountableKit = Pick<ServerKit, "basePath" | "handle" | "owns">;

/** Takes a request that is not the kit's. */
export type Fallback = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Answers the kit's paths; what is not the kit's goes to `fallback`, or gets 404. HTTP/2 servers take it too, best with `allowHTTP1: true`, which clients
 * on Node speak.
 * @example createServer(nodeHandler(kit)).listen(7700);
 */
export function nodeHandler(kit: MountableKit, fallback?: Fallback): RequestListener {
  assertKit(kit);
  const refuse = nodeRefusal();
  return (incoming, outgoing) => {
    const url = incoming.url ?? "/";
    const isBelow = kit.basePath === "" || url.startsWith(`${kit.basePath}/`);
    const own = url.slice(kit.basePath.length);
    const isOwn = isBelow && kit.owns(own.split("?", 1)[0] as string);
    if (!isOwn) {
      if (fallback === undefined) refuse(incoming, outgoing, new CuittyError("not_found", "Nothing here"));
      else fallback(incoming, outgoing);
      return;
    }
    // `handle` answers whatever goes wrong.
    answer(kit.handle(nodeExchange(incoming, outgoing, { url: own, mountPath: kit.basePath })), incoming, outgoing);
  };
}

/** Makes what refuses requests that no kit gets to see, with the client's request id or one of its own. @internal */
export function nodeRefusal(): (incoming: IncomingMessage, outgoing: ServerResponse, error: CuittyError) => void {
  const makeContext = createContextMaker();
  return (incoming, outgoing, error) => {
    const reply = problemReply(makeContext(nodeExchange(incoming, outgoing)), error);
    answer(Promise.resolve(reply), incoming, outgoing);
  };
}

/** A response that cannot be written has nobody to be told to. */
function answer(reply: Promise<Response>, incoming: IncomingMessage, outgoing: ServerResponse): void {
  reply.then((response) => sendResponse(response, incoming, outgoing)).catch(() => outgoing.destroy());
}
