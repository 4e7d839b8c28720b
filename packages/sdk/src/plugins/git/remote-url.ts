// Git remote URLs: without credentials, with the provider and the repository's name read from them.

export interface Remote {
  /** `github`, `gitlab`, `bitbucket`, `azure`, else the host name; `local` for a path. */
  readonly provider: string;
  /** Such as `acme/api`. */
  readonly repo: string;
  /** Web page of the repository, without credentials; undefined for a path. */
  readonly webUrl?: string;
}

const providers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/(^|\.)github\./, "github"],
  [/(^|\.)gitlab\./, "gitlab"],
  [/(^|\.)bitbucket\./, "bitbucket"],
  [/(^|\.)(dev\.azure\.com|visualstudio\.com)$/, "azure"],
  [/(^|\.)codeberg\.org$/, "codeberg"],
];

/** A URL without user, password, query and fragment; text that is no URL with a host loses everything before its `@`. */
export function withoutCredentials(url: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url.replace(/^[^@/]*@(?=[^/]*:)/, "");
  if (!URL.canParse(url)) return url.replace(/\/\/.*@/, "//").replace(/[?#].*$/, "");
  const { protocol, host, pathname } = new URL(url);
  // The parser adds the slash of an empty path.
  return `${protocol}//${host}${pathname === "/" && !/^[^?#]*[^:/]\/(?:[?#]|$)/.test(url) ? "" : pathname}`;
}

/** Reads `https://`, `ssh://`, `git://` and scp-like (`git@host:path`) remotes. Source: git-clone, "GIT URLS". */
export function parseRemote(url: string): Remote | undefined {
  const scp = /^(?:[^@/\s]+@)?([A-Za-z0-9.-]+|\[[^\]]+\]):(?!\/\/)(.+)$/.exec(url);
  // One letter before the colon is a drive.
  if (scp !== null && (scp[1] as string).length > 1) return named((scp[1] as string).toLowerCase(), scp[2] as string);
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, pathname } = new URL(url);
  return protocol === "file:" || hostname === "" ? undefined : named(hostname.toLowerCase(), pathname);
}

function named(host: string, path: string): Remote | undefined {
  const repo = path
    .replace(/[?#].*$/, "")
    .replace(/^[/~]+|\/+$/g, "")
    .replace(/\.git$/, "");
  if (repo === "") return undefined;
  const provider = providers.find(([pattern]) => pattern.test(host))?.[1] ?? host;
  return { provider, repo, webUrl: `https://${host}/${repo}` };
}
