// Signatures: all three implementations give the text of the golden vectors, and both forms verify.
import { readFileSync } from "node:fs";
import { createCuittyClient } from "@cuitty/sdk";
import { createFaultServer } from "@cuitty/sdk/testing";
import { HEADER } from "@cuitty/wire-protocol/headers";
import { verifyBody } from "@cuitty/wire-protocol/signature";
import { describe, expect, test } from "vitest";
import { sign as signByNoble } from "./browser/sign-noble.ts";
import { sign as signByWebCrypto } from "./browser/sign-webcrypto.ts";
import { version } from "./version.ts";

interface Vector {
  readonly name: string;
  readonly secret: string;
  readonly bodyHex: string;
  readonly signature: string;
}

const vectors = new URL("../../wire-protocol/vectors/signatures.json", import.meta.url);
const { accepted } = JSON.parse(readFileSync(vectors, "utf8")) as { accepted: readonly Vector[] };

describe.each(accepted)("$name", ({ secret, bodyHex, signature }) => {
  const body = new Uint8Array(Buffer.from(bodyHex, "hex"));

  test("is signed alike by WebCrypto and noble", async () => {
    // WebCrypto takes no empty key, and a client no empty secret.
    if (secret) expect(await signByWebCrypto(body, secret)).toBe(signature);
    expect(signByNoble(body, secret)).toBe(signature);
  });
});

test.each(["body", "extended"] as const)("what is sent verifies in the form %s, on each try", async (signature) => {
  const server = await createFaultServer({ fault: ({ number }) => (number === 1 ? { status: 503 } : undefined) });
  const client = createCuittyClient({
    portalUrl: server.url,
    projectId: "p",
    apiKey: "cuitty_sk_test",
    webhookSecret: "whsec_test",
    signature,
  });
  for (let n = 0; n < 40; n++) client.emit({ type: "audit", data: { n, text: "größer" } });
  expect(await client.shutdown()).toMatchObject({ sent: 40 });
  for (const { headers, wire, key } of server.requests) {
    const header = String(headers[HEADER.signature.toLowerCase()]);
    const secrets = [{ id: "sec_1", secret: "whsec_test" }];
    const requireExtended = signature === "extended";
    expect(verifyBody(wire, { header, secrets, idempotencyKey: key, requireExtended })).toMatchObject({ ok: true });
  }
  expect(server.requests).toHaveLength(2);
  await server.close();
});

test("a publishable key does not sign, unless there is a secret", async () => {
  const server = await createFaultServer();
  for (const webhookSecret of [undefined, "whsec_test"]) {
    const client = createCuittyClient({ portalUrl: server.url, projectId: "p", apiKey: "cuitty_pk_test", webhookSecret });
    client.emit({ type: "audit", data: {} });
    await client.shutdown();
  }
  expect(server.requests.map(({ headers }) => typeof headers["x-cuitty-signature"])).toEqual(["undefined", "string"]);
  await server.close();
});

test("the version that is sent is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  expect(version).toBe(manifest.version);
});
