// Where the client sends to, so that plugins can leave its own requests out of what they record.

/** Path of the ingest route under a portal's base URL; empty when the URL cannot be parsed. Source: wire protocol, "Endpoint". */
export function ingestPathOf(portalUrl: string): string {
  return URL.canParse(portalUrl) ? `${new URL(portalUrl).pathname.replace(/\/+$/, "")}/api/ingest` : "";
}
