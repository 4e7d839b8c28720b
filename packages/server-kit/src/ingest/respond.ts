// Stage: the reply of a batch. What it says is on disk.
import { CuittyError } from "@cuitty/wire-protocol";
import { jsonReply } from "../respond.ts";
import type { Stage } from "./stage.ts";

/** Uses `replyBody`. */
export function respond(): Stage {
  return (context) => {
    if (context.replyBody === null) throw new CuittyError("internal", "respond must come after write");
    return jsonReply(context, context.replyBody);
  };
}
