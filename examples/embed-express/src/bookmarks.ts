// An Express app as it was before: bookmarks behind a login, JSON bodies parsed for every route.
import { randomUUID } from "node:crypto";
import express, { type Express, type Request } from "express";

export interface Session {
  readonly user: string;
}

/** Who is logged in, by the cookie of the request; null when nobody is. */
export type FindSession = (cookieHeader: string | null | undefined) => Session | null;

export interface Bookmarks {
  readonly app: Express;
  readonly findSession: FindSession;
}

const maxSessions = 1_000;
const maxBookmarks = 1_000;

/** @param before what is mounted ahead of the app's own middleware. */
export function bookmarksApp(before: (app: Express, findSession: FindSession) => void): Bookmarks {
  const app = express().disable("x-powered-by");
  const sessions = new Map<string, Session>();
  const bookmarks: { readonly user: string; readonly url: string }[] = [];
  const findSession: FindSession = (header) => sessions.get(/(?:^|;\s*)session=([0-9a-f-]{36})/.exec(header ?? "")?.[1] ?? "") ?? null;
  const userOf = (request: Request): string | null => findSession(request.headers.cookie)?.user ?? null;

  before(app, findSession);
  app.use(express.json());

  app.post("/login", (request, response) => {
    const user: unknown = request.body?.user;
    if (typeof user !== "string" || !/^[a-z]{1,32}$/.test(user)) {
      response.status(400).json({ error: 'expected {"user": name of a to z}' });
      return;
    }
    const oldest = sessions.keys().next().value;
    if (sessions.size >= maxSessions && oldest !== undefined) sessions.delete(oldest);
    const id = randomUUID();
    sessions.set(id, { user });
    response.cookie("session", id, { httpOnly: true, sameSite: "strict" }).json({ user });
  });

  app.post("/bookmarks", (request, response) => {
    const user = userOf(request);
    const url: unknown = request.body?.url;
    if (user === null) response.status(401).json({ error: "log in first" });
    else if (typeof url !== "string" || !URL.canParse(url)) response.status(400).json({ error: 'expected {"url": an address}' });
    else if (bookmarks.length >= maxBookmarks) response.status(507).json({ error: "no room for more bookmarks" });
    else {
      bookmarks.push({ user, url });
      response.status(201).json({ url });
    }
  });

  app.get("/bookmarks", (request, response) => {
    const user = userOf(request);
    if (user === null) response.status(401).json({ error: "log in first" });
    else response.json(bookmarks.filter((bookmark) => bookmark.user === user).map(({ url }) => url));
  });

  return { app, findSession };
}
