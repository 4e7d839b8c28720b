// Who is asking. A port: API keys are built in, an app's own session or better-auth fits behind the same function.
import type { Subject } from "../route.ts";

/** The API key a request presented, as far as later stages need it. */
export interface Credential {
  readonly keyId: string;
  readonly kind: "sk" | "pk";
  /** Web origins a publishable key may be used from; empty for secret keys. */
  readonly origins: readonly string[];
}

/** The outcome of a key check. */
export interface Authenticated {
  readonly subject: Subject;
  readonly credential: Credential | null;
}

/**
 * Says who sends a request, or null when nobody known does. It reads headers only, never the body.
 * @example const authenticate: Authenticate = async (request) => subjectOfSession(await auth.api.getSession({ headers: request.headers }));
 */
export type Authenticate = (request: Request) => Promise<Subject | null>;
