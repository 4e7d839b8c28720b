// Cookies on Node's response: several of them stand side by side, where another value of any other header takes the place of the first.

export interface CookieHolder {
  getHeader(name: string): number | string | readonly string[] | undefined;
  setHeader(name: string, value: string[]): unknown;
}

/** Keeps those that are there. `appendHeader` is younger than Node 20.0 on HTTP/2. */
export function addCookies(outgoing: CookieHolder, cookie: string): void {
  const before = outgoing.getHeader("set-cookie");
  const list = before === undefined ? [] : Array.isArray(before) ? (before as readonly string[]) : [String(before)];
  outgoing.setHeader("set-cookie", [...list, cookie]);
}
