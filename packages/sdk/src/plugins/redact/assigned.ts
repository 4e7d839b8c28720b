// Finds what is assigned to the name of a secret inside of a text: `password=...`, `?token=...&`.
import { REDACTED } from "./secret-text.ts";

// Texts come from strangers: a name begins where no character of one stands in front and has an end, so that the time is in proportion to the length.
const assignment = /(?<![\w.-])([\w.-]{1,64})=(?!=)(?:"[^"]*"|'[^']*'|[^\s&;,#"'<>]+)/g;

/** The text with the values of all names that are sensitive replaced. */
export function redactAssigned(text: string, isSensitive: (name: string) => boolean): string {
  if (!text.includes("=")) return text;
  return text.replace(assignment, (whole, name: string) => (isSensitive(name) ? `${name}=${REDACTED}` : whole));
}
