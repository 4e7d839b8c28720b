// The configs plugin: every change of watched configuration files as a `config` event with a unified diff, secrets masked first.
import { createHash } from "node:crypto";
import { extname, isAbsolute, relative, resolve, sep } from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { type FileContent, type FileWatcher, watchFiles } from "./configs/file-watcher.ts";
import { type RedactedConfig, redactConfig } from "./configs/redact-config.ts";
import { unifiedDiff } from "./configs/unified-diff.ts";

export interface ConfigsPluginOptions {
  /** Files to watch, which need not exist yet, and folders, which stand for the files in and below them (500 at most). */
  readonly paths: readonly string[];
  /** Paths in events are relative to this folder. @default the current folder */
  readonly root?: string | undefined;
  /** Who changes files here, where that is known. */
  readonly actor?: string | ((path: string) => string | undefined) | undefined;
  /** Quiet time after a change before the file is read. Units: ms. @default 200 */
  readonly settleMs?: number | undefined;
  /** Files are also read this often, for mounts that report no changes. Units: ms; Infinity for never. @default 10_000 */
  readonly pollMs?: number | undefined;
  /** Keys whose values are masked besides the usual ones: names, or patterns. */
  readonly redactKeys?: readonly (string | RegExp)[] | undefined;
  /** Sends the whole masked content as well, which makes snapshots and rollback possible. @default false */
  readonly includeContent?: boolean | undefined;
  /** Longer diffs are left out, the hashes stay. Units: UTF-8 bytes. @default 65_536 */
  readonly maxDiffBytes?: number | undefined;
  /** Larger files are recorded without diff and content. Units: bytes. @default 1_048_576 */
  readonly maxFileBytes?: number | undefined;
}

/** The plugin, and a look at the files now. */
export interface ConfigsPlugin extends CuittyPlugin {
  /** Reads all files now; resolves when changes have been emitted. The first call after `start` takes the baseline, which start itself also does. */
  check(): Promise<void>;
}

/**
 * Trigger: a watched file is written, replaced, created or deleted while the client runs.
 *
 * Expected event:
 * ```json
 * { "type": "config", "data": { "path": "config/production.toml", "action": "updated", "format": "toml", "bytes": 6,
 *   "diff": "--- a/config/production.toml\n+++ b/config/production.toml\n@@ -1 +1 @@\n-foo=1\n+foo=2\n",
 *   "contentHash": "5cc57...", "prevHash": "a33c1..." } }
 * ```
 * Values of sensitive keys are masked before anything is compared, hashed or sent; `changedSecrets` names keys whose masked value changed. A binary file
 * has the diff `Binary files a/x and b/x differ`. Errors: `invalid_option` without paths.
 */
export function configsPlugin(options: ConfigsPluginOptions): ConfigsPlugin {
  assertPaths(options?.paths);
  const { paths, root = process.cwd(), settleMs = 200, pollMs = 10_000, maxFileBytes = 1_048_576 } = options;
  let watcher: FileWatcher | undefined;

  return {
    name: "configs",
    setup(context) {
      watcher?.close();
      const versions = new Map<string, Version>();
      watcher = watchFiles({
        paths: [...new Set(paths.map((path) => resolve(root, path)))],
        settleMs,
        pollMs,
        maxFileBytes,
        onContent(path, content, isFirst) {
          const before = versions.get(path);
          const after = versionOf(content, options);
          versions.set(path, after);
          if (!isFirst && before !== undefined) attemptEmit(context, () => describe(nameOf(path, root), before, after, options));
        },
      });
      void watcher.check();
    },
    check: async () => watcher?.check(),
    teardown() {
      watcher?.close();
      watcher = undefined;
    },
  };
}

function assertPaths(paths: unknown): void {
  if (Array.isArray(paths) && paths.length > 0 && paths.every((path) => typeof path === "string" && path !== "")) return;
  throw new CuittyError("invalid_option", "configsPlugin: paths: expected a list of files or folders to watch", {
    details: { option: "paths" },
  });
}

interface Version {
  readonly kind: FileContent["kind"];
  /** Masked text; undefined when the file is missing or no text. */
  readonly text?: string;
  readonly secrets: RedactedConfig["secrets"];
  /** Hex SHA-256 of what may be known: the masked text, or the bytes of a binary file. */
  readonly hash?: string;
  readonly byteLength?: number;
}

function versionOf(content: FileContent, { redactKeys }: ConfigsPluginOptions): Version {
  if (content.kind === "missing") return { kind: "missing", secrets: [] };
  // Without reading it, its size and time are all that identifies a large file.
  if (content.kind === "large") {
    return { kind: "large", secrets: [], hash: hashOf(`${content.byteLength}:${content.changedAtMs}`), byteLength: content.byteLength };
  }
  const byteLength = content.bytes.byteLength;
  if (content.kind === "binary") return { kind: "binary", secrets: [], hash: hashOf(content.bytes), byteLength };
  const { text, secrets } = redactConfig(content.bytes.toString("utf8"), redactKeys);
  // Digests are enough to compare, and no secret stays in memory.
  return { kind: "text", text, secrets: secrets.map(({ key, value }) => ({ key, value: hashOf(value) })), hash: hashOf(text), byteLength };
}

function attemptEmit(context: PluginContext, create: () => Record<string, unknown>): void {
  try {
    context.emit({ type: "config", data: create() });
  } catch (error) {
    context.debug(`configs: a change was left out (${error instanceof Error ? error.message : typeof error})`);
  }
}

function describe(path: string, before: Version, after: Version, options: ConfigsPluginOptions) {
  const diff = diffOf(path, before, after);
  const isTooLong = diff !== undefined && Buffer.byteLength(diff) > (options.maxDiffBytes ?? 65_536);
  const changed = changedSecrets(before, after);
  const actor = typeof options.actor === "function" ? options.actor(path) : options.actor;
  return {
    path,
    action: before.kind === "missing" ? "created" : after.kind === "missing" ? "deleted" : "updated",
    format: formatOf(path),
    actor,
    bytes: after.byteLength,
    diff: isTooLong ? undefined : (diff ?? (after.kind === "missing" ? "" : undefined)),
    diffOmitted: isTooLong ? "too_long" : undefined,
    content: options.includeContent === true && !isTooLong ? after.text : undefined,
    // The schema wants one of diff, content and contentHash, and a deleted file has no content.
    contentHash: after.hash ?? (isTooLong ? hashOf("") : undefined),
    prevHash: before.hash,
    changedSecrets: changed.length > 0 ? changed : undefined,
  };
}

function diffOf(path: string, before: Version, after: Version): string | undefined {
  if (before.kind === "large" || after.kind === "large") return undefined;
  if (before.kind === "binary" || after.kind === "binary") {
    const left = before.kind === "missing" ? "/dev/null" : `a/${path}`;
    return `Binary files ${left} and ${after.kind === "missing" ? "/dev/null" : `b/${path}`} differ\n`;
  }
  return unifiedDiff({ path, before: before.text, after: after.text });
}

const maxNamedSecrets = 20;

function changedSecrets(before: Version, after: Version): readonly string[] {
  const seen = new Map<string, string[]>();
  for (const { key, value } of before.secrets) seen.set(key, [...(seen.get(key) ?? []), value]);
  const changed = after.secrets.filter(({ key, value }) => seen.has(key) && !seen.get(key)?.includes(value)).map(({ key }) => key);
  return [...new Set(changed)].slice(0, maxNamedSecrets);
}

function formatOf(path: string): string | undefined {
  if (/(^|\/)\.env(\.|$)/.test(path)) return "env";
  const extension = extname(path).slice(1).toLowerCase();
  return extension === "yml" ? "yaml" : extension || undefined;
}

function nameOf(path: string, root: string): string {
  const name = relative(root, path);
  // A file elsewhere keeps its own name: a chain of dots says nothing to the reader.
  return (name.startsWith("..") || isAbsolute(name) ? path : name).split(sep).join("/");
}

function hashOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
