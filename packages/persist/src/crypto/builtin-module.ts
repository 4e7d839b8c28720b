// Modules of the runtime, where it has them.

interface BuiltinModules {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown };
}

/** A module built into the runtime, or undefined in a browser. Not an import: bundlers must not look for it. */
export function builtinModule<T>(id: string): T | undefined {
  return (globalThis as BuiltinModules).process?.getBuiltinModule?.(id) as T | undefined;
}
