// Hono: the whole kit in one line, or each stage alone for a route of your own.
export { mountKit } from "./mount-kit.ts";
