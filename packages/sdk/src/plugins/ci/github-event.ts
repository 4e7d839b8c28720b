// The few facts about a GitHub Actions run that stand only in its event file.
import { readFileSync, statSync } from "node:fs";
import type { Environment } from "./detect.ts";

export interface GithubEvent {
  /** Head of a pull request; `GITHUB_SHA` is then a merge commit that exists nowhere else. */
  readonly commit?: string;
  readonly environment?: string;
  readonly tag?: string;
}

const maxFileBytes = 1024 * 1024;

/** Reads four listed fields of the file that `GITHUB_EVENT_PATH` names; empty where there is none. */
export function readGithubEvent(env: Environment): GithubEvent {
  try {
    const path = env.GITHUB_EVENT_PATH;
    if (path === undefined || statSync(path).size > maxFileBytes) return {};
    const event = JSON.parse(readFileSync(path, "utf8")) as Record<string, Record<string, unknown> | undefined>;
    const head = event.pull_request?.head as { sha?: unknown } | undefined;
    return {
      commit: text(head?.sha) ?? text(event.deployment?.sha),
      environment: text(event.deployment?.environment),
      tag: text(event.release?.tag_name),
    };
  } catch {
    // No file, or not the one we know: the variables say enough.
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 256) : undefined;
}
