// Mounts a whole kit in an Express app with one line.
import type { RequestHandler } from "express";
import { assertKit } from "../node/assert-kit.ts";
import { nodeExchange } from "../node/exchange.ts";
import type { MountableKit } from "../node/node-handler.ts";
import { sendResponse } from "../node/send.ts";
import { kitTarget } from "./express-exchange.ts";

/**
 * Answers the kit's paths and hands all others on. Mount it before body parsers: they take the exact bytes that signatures are made over.
 * A body that is gone is answered with `body_already_consumed`, never with a guess.
 * @example app.use(kitMiddleware(kit));
 */
export function kitMiddleware(kit: MountableKit): RequestHandler {
  assertKit(kit);
  return (request, response, next) => {
    const target = kitTarget(request, kit);
    if (target === null) {
      next();
      return;
    }
    kit
      .handle(nodeExchange(request, response, target))
      .then((reply) => sendResponse(reply, request, response))
      .catch(next);
  };
}
