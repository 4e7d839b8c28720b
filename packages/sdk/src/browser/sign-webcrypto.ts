// HMAC-SHA256 by WebCrypto, loaded when a client with a secret starts.

/** Lower-case hex. Same text as node:crypto and noble for the same bytes. */
export async function sign(bytes: Uint8Array, secret: string): Promise<string> {
  const { subtle } = crypto;
  const key = await subtle.importKey("raw", new TextEncoder().encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const digest = new Uint8Array(await subtle.sign("HMAC", key, bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
