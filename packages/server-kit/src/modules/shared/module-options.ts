// What options of a module have to be: told where the module is made, as a mistyped one would leave a default in its place.
import { CuittyError } from "@cuitty/wire-protocol";

/** Throws for a value that the option cannot have; `name` is how messages call it. */
type OptionCheck = (name: string, value: unknown) => void;

/** One check for each option: the names are those that there are. Errors: `unknown_option`, `invalid_option`. */
export function checkModuleOptions<Options extends object>(
  module: string,
  options: Options,
  checks: Readonly<Record<keyof Options & string, OptionCheck>>,
): void {
  const names = Object.keys(checks);
  if (!isObject(options)) throw invalid(`Expected ${module}({ ${names.join(", ")} }), got ${shown(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name))
      throw new CuittyError("unknown_option", `Unknown option ${JSON.stringify(name)} of ${module}(); expected one of ${names.join(", ")}`);
    if (value !== undefined) checks[name as keyof Options & string](`${name} of ${module}()`, value);
  }
}

export const isDays: OptionCheck = (name, value) => {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return;
  throw invalid(`Expected ${name} to be a number of days from 0 (0 keeps for ever), got ${shown(value)}`);
};

export const isSwitch: OptionCheck = (name, value) => {
  if (typeof value !== "boolean") throw invalid(`Expected ${name} to be true or false, got ${shown(value)}`);
};

/** An object with days for some of `keys`. */
export const isDaysBy =
  (keys: readonly string[]): OptionCheck =>
  (name, value) => {
    if (!isObject(value)) throw invalid(`Expected ${name} to be an object of days for ${keys.join(", ")}, got ${shown(value)}`);
    for (const [key, days] of Object.entries(value)) {
      if (!keys.includes(key)) throw invalid(`Expected ${name} to have days for some of ${keys.join(", ")}, got ${key.slice(0, 40)}`);
      if (days !== undefined) isDays(name.replace(" ", `.${key} `), days);
    }
  };

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);

// An object may have no text, or one that says nothing.
const shown = (value: unknown): string => (typeof value === "object" && value !== null ? "an object" : String(value).slice(0, 40));

const invalid = (message: string): CuittyError => new CuittyError("invalid_option", message);
