// Reads the CI system or host from environment variables: listed ones only, without credentials.
import { parseRemote, withoutCredentials } from "../git/remote-url.ts";
import { PROVIDERS, type Provider, type RunVariables } from "./providers.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What is known of the run or host that this process is part of. */
export interface DetectedRun {
  readonly provider: string;
  readonly kind: Provider["kind"];
  readonly commit?: string;
  readonly branch?: string;
  readonly tag?: string;
  readonly repository?: string;
  readonly run?: string;
  readonly attempt?: string;
  /** What the step, job, stage or workflow is called, nearest first. */
  readonly steps: readonly string[];
  readonly environment?: string;
  readonly service?: string;
  readonly version?: string;
  readonly actor?: string;
  readonly committedAt?: string;
  readonly pullRequest?: string;
  readonly url?: string;
}

const maxValueChars = 512;

/** The run described by `env`, or undefined outside of the known places. */
export function detectRun(env: Environment): DetectedRun | undefined {
  const provider = PROVIDERS.find(({ when }) => when.every((condition) => holds(condition, env)));
  if (provider === undefined) return undefined;
  const { read } = provider;
  const first = (key: keyof RunVariables) => firstOf(read[key], env);
  const ref = first("ref");
  const repositoryUrl = first("repositoryUrl");
  return {
    provider: provider.id,
    kind: provider.kind,
    // Buildkite may say "HEAD", which names nothing outside of its checkout.
    commit: matching(first("commit"), /^[0-9a-f]{7,64}$/i),
    branch: (first("branch") ?? below(ref, "refs/heads/"))?.replace(/^origin\//, ""),
    tag: first("tag") ?? below(ref, "refs/tags/"),
    repository: first("repository") ?? (repositoryUrl === undefined ? undefined : parseRemote(repositoryUrl)?.repo),
    run: first("run"),
    attempt: first("attempt"),
    steps: (read.step ?? []).flatMap((name) => valueOfName(name, env) ?? []),
    environment: first("environment"),
    service: first("service"),
    version: first("version"),
    actor: first("actor"),
    committedAt: matching(first("committedAt"), /^\d{4}-\d\d-\d\dT/),
    // A number, or a URL that ends with one; "false" where there is none.
    pullRequest: /(\d+)\/?$/.exec(first("pullRequest") ?? "")?.[1],
    url: urlOf(read.url, env),
  };
}

function holds(condition: string, env: Environment): boolean {
  const [name, wanted] = condition.split("=") as [string, string | undefined];
  const value = env[name];
  return (
    value !== undefined && value !== "" && value !== "false" && value !== "0" && (wanted === undefined || value.toLowerCase() === wanted)
  );
}

function firstOf(names: readonly string[] | undefined, env: Environment): string | undefined {
  for (const name of names ?? []) {
    const value = valueOfName(name, env);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Value of `NAME`, or of `ONE/TWO` when both are set. */
function valueOfName(name: string, env: Environment): string | undefined {
  const values = name.split("/").map((part) => clean(env[part]));
  return values.includes(undefined) ? undefined : values.join("/");
}

function clean(value: string | undefined): string | undefined {
  const text = value?.trim();
  if (text === undefined || text === "") return undefined;
  return (/:\/\/|^[^@\s]+@/.test(text) ? withoutCredentials(text) : text).slice(0, maxValueChars);
}

function below(ref: string | undefined, prefix: string): string | undefined {
  return ref?.startsWith(prefix) ? ref.slice(prefix.length) : undefined;
}

function matching(value: string | undefined, pattern: RegExp): string | undefined {
  return value !== undefined && pattern.test(value) ? value : undefined;
}

function urlOf(templates: readonly string[] | undefined, env: Environment): string | undefined {
  for (const template of templates ?? []) {
    let isWhole = true;
    const url = template.replace(/\{(\w+)\}/g, (_match, name: string) => {
      const value = clean(env[name]);
      if (value === undefined) isWhole = false;
      return value ?? "";
    });
    if (isWhole) return url;
  }
  return undefined;
}
