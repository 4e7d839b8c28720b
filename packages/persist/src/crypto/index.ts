// Public surface of `@cuitty/persist/crypto`: the primitives and the envelope, without a store.
export { envelopeOverheadBytes } from "./envelope.ts";
export {
  type AesGcmOptions,
  aesGcm,
  type HkdfOptions,
  type HmacOptions,
  hkdfSha256,
  hmacSha256,
  type ProviderOption,
} from "./primitives.ts";
export type { ProviderName } from "./providers/provider.ts";
export { generateKey, open, type SealOptions, seal } from "./seal.ts";
