// Follows every sealed value: a segment must never meet the same nonce twice, in any copy of the store.
import { sqliteRows } from "./rows.ts";

const saltAt = 9;
const randomAt = 65;
const ciphertextAt = 77;

export interface NonceBook {
  /** Takes in every row of a store's file. Returns violations. */
  read(path: string): Promise<string[]>;
  readonly size: number;
}

export function createNonceBook(): NonceBook {
  /** Tag by segment and nonce: the same value seen again is no repetition. */
  const tagByNonce = new Map<string, string>();
  return {
    async read(path) {
      const wrong: string[] = [];
      for await (const { key, value } of sqliteRows(path)) {
        if (!(value instanceof Uint8Array)) continue;
        const id = nonceId(key, value);
        const tag = Buffer.from(value.subarray(value.length - 16)).toString("base64");
        const known = tagByNonce.get(id);
        if (known !== undefined && known !== tag) wrong.push("a segment met the same nonce twice");
        tagByNonce.set(id, tag);
      }
      return wrong;
    },
    get size() {
      return tagByNonce.size;
    },
  };
}

/** Salt and effective nonce: the envelope's random bytes XOR the token at the end of the row's name. */
export function nonceId(key: string, envelope: Uint8Array): string {
  const name = key.includes("!") ? key.slice(0, key.indexOf("!")) : key;
  const token = Buffer.from(name.slice(-22), "base64url");
  const nonce = Buffer.from(envelope.subarray(randomAt, ciphertextAt)).map((byte, i) => byte ^ token[i]!);
  return Buffer.from(envelope.subarray(saltAt, saltAt + 24)).toString("latin1") + Buffer.from(nonce).toString("latin1");
}
