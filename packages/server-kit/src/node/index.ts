// Node: a kit as a request listener, and a hardened server for those who have no app.
export { type Fallback, type MountableKit, nodeHandler } from "./node-handler.ts";
export { type RunningServer, type ServeOptions, serve } from "./serve.ts";
