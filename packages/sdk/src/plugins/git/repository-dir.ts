// Finds a repository on disk and reads what is plain text in it: HEAD, refs, the remote, the shallow boundary. Starts no process.
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export interface RepositoryDir {
  /** `.git` of this work tree. */
  readonly gitDir: string;
  /** Shared by all work trees: objects, refs, config. */
  readonly commonDir: string;
  /** Bytes of an object id. */
  readonly idBytes: number;
  /** Current branch; undefined when HEAD is detached. */
  readonly branch: string | undefined;
  /** Current commit; undefined in a repository without commits. */
  readonly head: string | undefined;
  /** URL of the remote that the branch follows, else of `origin`, else of the first one. May hold credentials. */
  readonly remoteUrl: string | undefined;
  /** Commits whose parents are absent on purpose. */
  readonly shallow: ReadonlySet<string>;
}

export interface GitRef {
  readonly kind: "branch" | "tag";
  readonly name: string;
  /** Commit, or the tag object of an annotated tag. */
  readonly id: string;
  /** The commit behind an annotated tag, where packed-refs says it. */
  readonly peeled?: string;
}

/** The repository that holds `path`, or undefined when there is none. Source: git, "gitrepository-layout". */
export async function findRepository(path: string): Promise<RepositoryDir | undefined> {
  const gitDir = await findGitDir(resolve(path));
  if (gitDir === undefined) return undefined;
  const common = await textOf(join(gitDir, "commondir"));
  const commonDir = common === undefined ? gitDir : resolve(gitDir, common.trim());
  const config = parseConfig((await textOf(join(commonDir, "config"))) ?? "");
  const headText = (await textOf(join(gitDir, "HEAD")))?.trim() ?? "";
  const ref = headText.startsWith("ref:") ? headText.slice(4).trim() : undefined;
  const branch = ref?.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : undefined;
  return {
    gitDir,
    commonDir,
    idBytes: config.get("extensions.objectformat") === "sha256" ? 32 : 20,
    branch,
    head: ref === undefined ? idIn(headText) : await resolveRef(gitDir, commonDir, ref),
    remoteUrl: remoteOf(config, branch),
    shallow: new Set(((await textOf(join(commonDir, "shallow"))) ?? "").split("\n").filter((line) => idIn(line) !== undefined)),
  };
}

async function findGitDir(start: string): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, ".git");
    const stats = await stat(candidate).catch(() => undefined);
    if (stats?.isDirectory()) return candidate;
    // Work trees and submodules have a file that points elsewhere.
    const target = stats?.isFile() ? /^gitdir:\s*(.+?)\s*$/m.exec((await textOf(candidate)) ?? "")?.[1] : undefined;
    if (target !== undefined) return resolve(folder, target);
    if (await isBareRepository(folder)) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

async function isBareRepository(folder: string): Promise<boolean> {
  if (!folder.endsWith(".git")) return false;
  const parts = await Promise.all(["HEAD", "objects", "refs"].map((name) => stat(join(folder, name)).catch(() => undefined)));
  return parts.every((part) => part !== undefined);
}

const maxSymbolicRefs = 5;

async function resolveRef(gitDir: string, commonDir: string, name: string): Promise<string | undefined> {
  let ref = name;
  for (let i = 0; i < maxSymbolicRefs; i += 1) {
    const text = ((await textOf(join(gitDir, ref))) ?? (await textOf(join(commonDir, ref))))?.trim();
    if (text === undefined) return (await readPackedRefs(commonDir)).get(ref)?.id;
    if (!text.startsWith("ref:")) return idIn(text);
    ref = text.slice(4).trim();
  }
  return undefined;
}

/** All local branches and tags, sorted by name. */
export async function listRefs(commonDir: string): Promise<readonly GitRef[]> {
  const refs = new Map(await readPackedRefs(commonDir));
  for (const folder of ["refs/heads", "refs/tags"]) {
    for (const entry of await readdir(join(commonDir, folder), { recursive: true, withFileTypes: true }).catch(() => [])) {
      if (!entry.isFile() || entry.name.endsWith(".lock")) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const id = idIn(((await textOf(path)) ?? "").trim());
      // A loose ref is newer than a packed one of the same name.
      if (id !== undefined) refs.set(path.slice(commonDir.length + 1).replaceAll("\\", "/"), { id });
    }
  }
  return [...refs]
    .filter(([name]) => /^refs\/(heads|tags)\//.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { id, peeled }]) => {
      const isTag = name.startsWith("refs/tags/");
      return { kind: isTag ? "tag" : "branch", name: name.slice(isTag ? 10 : 11), id, peeled };
    });
}

interface PackedRef {
  readonly id: string;
  peeled?: string;
}

async function readPackedRefs(commonDir: string): Promise<ReadonlyMap<string, PackedRef>> {
  const refs = new Map<string, PackedRef>();
  let last: PackedRef | undefined;
  for (const line of ((await textOf(join(commonDir, "packed-refs"))) ?? "").split("\n")) {
    if (line.startsWith("^") && last !== undefined) last.peeled = idIn(line.slice(1).trim());
    const match = /^([0-9a-f]{40,64}) (\S.*)$/.exec(line);
    if (match === null) continue;
    last = { id: match[1] as string };
    refs.set((match[2] as string).trim(), last);
  }
  return refs;
}

function idIn(text: string): string | undefined {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? text : undefined;
}

/** Keys are `section.key` and `section.subsection.key`, sections and keys in lower case. Includes are not followed. Source: git-config, "Syntax". */
function parseConfig(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n")) {
    const header = /^\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (header !== null) {
      section = (header[1] as string).toLowerCase() + (header[2] === undefined ? "" : `.${header[2].replace(/\\(.)/g, "$1")}`);
    }
    const pair = /^\s*([A-Za-z][\w-]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair !== null) values.set(`${section}.${(pair[1] as string).toLowerCase()}`, (pair[2] as string).replace(/^"(.*)"$/, "$1"));
  }
  return values;
}

function remoteOf(config: ReadonlyMap<string, string>, branch: string | undefined): string | undefined {
  const followed = branch === undefined ? undefined : config.get(`branch.${branch}.remote`);
  const first = [...config.keys()].find((key) => /^remote\..+\.url$/.test(key));
  return (followed && config.get(`remote.${followed}.url`)) || config.get("remote.origin.url") || (first && config.get(first));
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
