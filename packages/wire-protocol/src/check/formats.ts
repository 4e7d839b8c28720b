// The formats of strings that JSON Schema 2020-12 names: TypeBox knows none by itself, and refuses every value of a format it does not know.
import { FormatRegistry } from "@sinclair/typebox";
import { parseTimestamp } from "../timestamp.ts";

const uriCharacters = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/;
const iriCharacters = /^(?:[^\s"<>\\^`{|}%\p{Cc}]|%[0-9A-Fa-f]{2})*$/u;
const templateParts = /^(?:[^\s"'<>\\^`{|}%\p{Cc}]|%[0-9A-Fa-f]{2}|\{[^{}\s]+\})*$/u;
const hasScheme = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const pointer = /^(?:\/(?:[^~/]|~[01])*)*$/;
const relativePointer = /^(?:0|[1-9]\d*)(?:#|(?:\/(?:[^~/]|~[01])*)*)$/;
const duration = /^P(?:\d+W|(?=\d|T)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)$/;
const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const hostname = new RegExp(`^${label}(?:\\.${label})*$`);
// Source: HTML, "valid e-mail address".
const email = new RegExp(`^[A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-]+@${label}(?:\\.${label})*$`);
const idnHostname = /^[\p{L}\p{N}\p{M}-]+(?:\.[\p{L}\p{N}\p{M}-]+)*$/u;
const idnEmail = /^[^\s@\p{Cc}]+@[\p{L}\p{N}\p{M}.-]+$/u;
const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);
const ipv6Characters = /^[0-9A-Fa-f:.]{2,45}$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const maxMailCharacters = 254;
const maxHostCharacters = 253;

/** Name to test. Every test takes time in proportion to the text at most. */
const formats: Readonly<Record<string, (text: string) => boolean>> = {
  "date-time": (text) => parseTimestamp(text) !== null,
  date: (text) => text.length === 10 && parseTimestamp(`${text}T00:00:00Z`) !== null,
  // A day whose last minute may have a leap second.
  time: (text) => parseTimestamp(`1972-06-30T${text}`) !== null,
  duration: (text) => duration.test(text),
  email: (text) => text.length <= maxMailCharacters && email.test(text),
  "idn-email": (text) => text.length <= maxMailCharacters && idnEmail.test(text),
  hostname: (text) => text.length <= maxHostCharacters && hostname.test(text),
  "idn-hostname": (text) => text.length <= maxHostCharacters && idnHostname.test(text),
  ipv4: (text) => ipv4.test(text),
  ipv6: (text) => ipv6Characters.test(text) && canParse(`http://[${text}]`),
  uri: (text) => hasScheme.test(text) && uriCharacters.test(text) && canParse(text),
  "uri-reference": (text) => uriCharacters.test(text) && canParse(text, "http://localhost"),
  iri: (text) => hasScheme.test(text) && iriCharacters.test(text) && canParse(text),
  "iri-reference": (text) => iriCharacters.test(text) && canParse(text, "http://localhost"),
  "uri-template": (text) => templateParts.test(text),
  // Not of JSON Schema, but as often written as `uri`.
  url: (text) => hasScheme.test(text) && uriCharacters.test(text) && canParse(text),
  uuid: (text) => uuid.test(text),
  "json-pointer": (text) => pointer.test(text),
  "relative-json-pointer": (text) => relativePointer.test(text),
  regex: (text) => isRegex(text),
};

/** Makes the formats known to TypeBox, whose registry is one for the process: what the app has registered under a name stays. */
export function knowFormats(): void {
  for (const [name, test] of Object.entries(formats)) if (!FormatRegistry.Has(name)) FormatRegistry.Set(name, test);
}

function canParse(text: string, base?: string): boolean {
  try {
    return new URL(text, base) !== null;
  } catch {
    return false;
  }
}

/** Source: ECMA-262, with the flag `u` as JSON Schema asks. */
function isRegex(text: string): boolean {
  try {
    return new RegExp(text, "u") !== null;
  } catch {
    return false;
  }
}
