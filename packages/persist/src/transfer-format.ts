// The lines of an exported store.

/** Raised when a line changes its shape. */
export const exportVersion = 1;

export type Line =
  | { readonly cuitty: "persist-export"; readonly version: number }
  | { readonly type: "record"; readonly key: string; readonly value: unknown; readonly version?: number }
  | { readonly type: "kv"; readonly key: string; readonly value: unknown; readonly expiresAtMs?: number }
  | { readonly type: "event"; readonly log: string; readonly id: string; readonly data: unknown }
  | { readonly type: "blob"; readonly key: string; readonly size: number; readonly contentType?: string; readonly metadata?: unknown }
  | { readonly type: "chunk"; readonly data: string }
  | { readonly type: "end"; readonly lines: number };
