// Keeps an organization's last way in: with no key left that has `admin`, nobody could make another over the routes.
import { CuittyError } from "@cuitty/wire-protocol";
import type { KeyRecord } from "../auth/key-records.ts";
import type { Identity } from "../auth/open-identity.ts";

export interface Ending {
  readonly organizationId: string;
  /** Whether a key stops working by what is asked for. */
  readonly isEnded: (key: KeyRecord) => boolean;
  /** What to do first, as the end of a sentence. */
  readonly first: string;
}

/** Errors: `conflict` when the last live keys with `admin` would end. */
export function keepAdministrator({ keys }: Identity, { organizationId, isEnded, first }: Ending): void {
  const administrators = keys.administrators(organizationId);
  if (administrators.length === 0 || !administrators.every(isEnded)) return;
  throw new CuittyError(
    "conflict",
    `Expected another live key with the scope admin in this organization, as this would end the last; ${first}`,
  );
}
