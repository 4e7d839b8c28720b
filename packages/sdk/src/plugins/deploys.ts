// The deploys plugin: one deployment of this CI run or host as `deploy` events, from running to its end.
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { type DetectedRun, detectRun, type Environment } from "./ci/detect.ts";
import { readGithubEvent } from "./ci/github-event.ts";
import { parseRemote } from "./git/remote-url.ts";
import { findRepository } from "./git/repository-dir.ts";

export type { Environment } from "./ci/detect.ts";

/** How a deployment may end. */
export type DeployEnd = "succeeded" | "failed" | "cancelled" | "rolled_back";

/** What cannot be read from the CI system or host, or shall be told otherwise. */
export interface DeploysPluginOptions {
  /** @default the host's name for it, else the repository's last part, else the client's project id */
  readonly service?: string | undefined;
  /** @default the tag, else the host's release number, else the first 12 characters of the commit */
  readonly version?: string | undefined;
  /** @default what the CI system says, else `production` */
  readonly environment?: string | undefined;
  /**
   * `"deploy-step"`: only where the CI system names an environment, or the job, stage or workflow has deploy, release, rollout or promote in its name, so
   * that a test job sends nothing. `"always"`: also elsewhere, even outside of CI. @default "deploy-step"
   */
  readonly when?: "deploy-step" | "always" | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Variables to read. Only those of CI systems and hosts that the plugin knows are looked at. @default process.env */
  readonly env?: Environment | undefined;
}

/** The plugin, and the end of its deployment. */
export interface DeploysPlugin extends CuittyPlugin {
  /** Ends the deployment; later calls and shutdown then add nothing. */
  finish(status: DeployEnd, reason?: string): void;
}

/**
 * Trigger: `client.start()` in a deploy step sends `running`; `finish`, or else `client.shutdown()`, sends the end: `failed` when `process.exitCode` is
 * set, else `succeeded`. On a host (Vercel, Render, Fly, ...) `start` sends `succeeded` once. All events of one run share an `externalId`.
 *
 * Expected event, at the end of a GitHub Actions job named `deploy`:
 * ```json
 * { "type": "deploy", "data": { "service": "api", "version": "v1.4.2", "environment": "production", "status": "succeeded",
 *   "commit": "ab12cd34ab12cd34ab12cd34ab12cd34ab12cd34", "provider": "github-actions", "repository": "acme/api", "actor": "alice",
 *   "externalId": "github-actions:acme/api:99:1:production", "url": "https://github.com/acme/api/actions/runs/99/attempts/1" } }
 * ```
 * Sends listed variables only, and no URL with credentials.
 */
export function deploysPlugin(options: DeploysPluginOptions = {}): DeploysPlugin {
  let context: PluginContext | undefined;
  let deployment: Deployment | undefined;
  let startedAtMs = 0;

  function send(status: string, reason?: string): void {
    if (context === undefined || deployment === undefined) return;
    const { isPipeline, ...data } = deployment;
    const nowMs = context.now();
    const isEnd = status !== "running";
    const finishedAt = isEnd ? new Date(nowMs).toISOString() : undefined;
    const duration = isEnd && isPipeline ? Math.max(0, nowMs - startedAtMs) / 1_000 : undefined;
    if (isEnd) deployment = undefined;
    context.emit({
      type: "deploy",
      timestamp: new Date(nowMs),
      data: { ...data, status, startedAt: new Date(startedAtMs).toISOString(), finishedAt, duration, reason },
    });
  }

  async function begin(run: DetectedRun | undefined, env: Environment, to: PluginContext): Promise<void> {
    const event = run?.provider === "github-actions" ? readGithubEvent(env) : {};
    const known = { ...run, ...withoutUndefined(event) };
    deployment = describe(known, options, to);
    // Only where the variables do not say it, since reading the repository takes a moment.
    if (known.commit === undefined) {
      const repository = await findRepository(process.cwd()).catch(() => undefined);
      // Ended or stopped meanwhile.
      if (context !== to || deployment === undefined) return;
      const remote = repository?.remoteUrl === undefined ? undefined : parseRemote(repository.remoteUrl);
      const fromGit = { commit: repository?.head, branch: repository?.branch, repository: remote?.repo };
      deployment = describe({ ...withoutUndefined(fromGit), ...withoutUndefined(known) }, options, to);
    }
    send(run?.kind === "host" ? "succeeded" : "running");
  }

  return {
    name: "deploys",
    setup(given) {
      const env = options.env ?? (typeof process === "undefined" ? {} : process.env);
      const run = detectRun(env);
      context = given;
      startedAtMs = given.now();
      deployment = undefined;
      if (isDeploy(run, options)) begin(run, env, given).catch((error: unknown) => given.debug(`deploys: ${String(error)}`));
    },
    finish: send,
    teardown() {
      send(process.exitCode ? "failed" : "succeeded");
      context = undefined;
      deployment = undefined;
    },
  };
}

const deployName = /deploy|release|roll-?out|promot|publish/i;
const otherName = /test|lint|check|build|verify|compile/i;

function isDeploy(run: DetectedRun | undefined, { when }: DeploysPluginOptions): boolean {
  if (when === "always") return true;
  if (run?.kind !== "pipeline") return run !== undefined;
  // The test job of a workflow called "Deploy" is no deploy step.
  const [nearest = "", ...others] = run.steps;
  return (
    run.environment !== undefined || deployName.test(nearest) || (others.some((name) => deployName.test(name)) && !otherName.test(nearest))
  );
}

type KnownRun = Partial<DetectedRun>;

function describe(run: KnownRun, options: DeploysPluginOptions, context: PluginContext) {
  const environment = options.environment ?? run.environment ?? "production";
  const service = options.service ?? run.service ?? run.repository?.split("/").pop() ?? context.projectId;
  const version = options.version ?? run.tag ?? run.version ?? run.commit?.slice(0, 12) ?? run.run ?? "unknown";
  const identity = [run.provider, run.repository ?? service, run.run, run.attempt, environment];
  const labels = withoutUndefined({ job: run.steps?.[0], pullRequest: run.pullRequest, ...options.tags });
  return {
    isPipeline: run.kind !== "host",
    service,
    version,
    environment,
    commit: run.commit,
    branch: run.branch,
    provider: run.provider,
    repository: run.repository,
    actor: run.actor,
    committedAt: run.committedAt,
    // Without a run there is nothing that the states of one deployment have in common.
    externalId: run.run === undefined ? undefined : identity.filter((part) => part !== undefined).join(":"),
    url: run.url,
    tags: Object.keys(labels).length > 0 ? labels : undefined,
  };
}

type Deployment = ReturnType<typeof describe>;

function withoutUndefined<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Values;
}
