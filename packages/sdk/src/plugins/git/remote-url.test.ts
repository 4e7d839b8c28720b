// Remote URLs: names are found, credentials never survive.
import { expect, test } from "vitest";
import { parseRemote, withoutCredentials } from "./remote-url.ts";

test.each([
  ["https://github.com/acme/api.git", "github", "acme/api", "https://github.com/acme/api"],
  ["https://user:pa%40ss@github.com/acme/api", "github", "acme/api", "https://github.com/acme/api"],
  ["git@github.com:acme/api.git", "github", "acme/api", "https://github.com/acme/api"],
  ["ssh://git@gitlab.example.com:2222/group/sub/api.git", "gitlab", "group/sub/api", "https://gitlab.example.com/group/sub/api"],
  ["https://gitlab-ci-token:glpat-x@gitlab.com/g/p.git", "gitlab", "g/p", "https://gitlab.com/g/p"],
  ["git://git.kernel.org/pub/scm/git/git.git", "git.kernel.org", "pub/scm/git/git", "https://git.kernel.org/pub/scm/git/git"],
  ["bitbucket.org:team/repo.git", "bitbucket", "team/repo", "https://bitbucket.org/team/repo"],
  ["https://org@dev.azure.com/org/project/_git/repo", "azure", "org/project/_git/repo", "https://dev.azure.com/org/project/_git/repo"],
])("%s is %s %s", (url, provider, repo, webUrl) => {
  expect(parseRemote(url)).toEqual({ provider, repo, webUrl });
});

test.each(["/srv/git/api.git", "../api", "file:///srv/api.git", "C:\\repos\\api", "C:/repos/api", "", "https://"])(
  "%s has no provider",
  (url) => {
    expect(parseRemote(url)).toBeUndefined();
  },
);

test.each([
  ["https://user:token@host.example/x?private=1#f", "https://host.example/x"],
  ["https://token@host.example/x", "https://host.example/x"],
  ["git@github.com:acme/api.git", "github.com:acme/api.git"],
  ["https://u:p@host.example", "https://host.example"],
  ["https://u:p@host.example/", "https://host.example/"],
  ["https://u:p@host.example/?token=1", "https://host.example/"],
  ["ssh://me:pw@host/x", "ssh://host/x"],
  ["http://a:b@bad host/x?token=1", "http://bad host/x"],
  ["https://user:pa/ss@host/x", "https://host/x"],
  ["/plain/path@2", "/plain/path@2"],
])("%s becomes %s", (url, clean) => {
  expect(withoutCredentials(url)).toBe(clean);
});
