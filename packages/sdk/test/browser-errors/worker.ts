// A page of its own for the errors plugin: throws and rejects, and posts what the plugin sends.
import { errorsPlugin } from "../../src/plugins/errors.ts";

const plugin = errorsPlugin();
plugin.setup?.({
  emit: ({ type, data }) => postMessage(JSON.parse(JSON.stringify({ type, data }))),
  emitRaw() {},
  on: () => () => {},
  portalUrl: "https://example.com",
  projectId: "proj_01",
  debug() {},
  now: () => Date.now(),
});

globalThis.addEventListener("message", ({ data }) => {
  if (data === "throw") throw new TypeError("thrown");
  if (data === "reject") void Promise.reject(new RangeError("rejected", { cause: "c" }));
  if (data === "stop") {
    plugin.teardown?.();
    postMessage("stopped");
  }
});
postMessage("ready");
