// The frozen table of CI systems and hosts: which variables show where the code runs, and which ones say what is deployed.

/** What can be known of a run; each is read from the first variable of its list that is set. */
export interface RunVariables {
  readonly commit?: readonly string[];
  readonly branch?: readonly string[];
  readonly tag?: readonly string[];
  /** Full refs (`refs/heads/main`, `refs/tags/v1`), where branch and tag have no variable of their own. */
  readonly ref?: readonly string[];
  /** `acme/api`; several names joined by `/` are several variables. */
  readonly repository?: readonly string[];
  readonly repositoryUrl?: readonly string[];
  /** Identity of the run. */
  readonly run?: readonly string[];
  /** Which try of the run. */
  readonly attempt?: readonly string[];
  /** Names that tell a deploy step from a test step. */
  readonly step?: readonly string[];
  readonly environment?: readonly string[];
  readonly service?: readonly string[];
  /** Version where the place counts releases itself. */
  readonly version?: readonly string[];
  readonly actor?: readonly string[];
  readonly committedAt?: readonly string[];
  readonly pullRequest?: readonly string[];
  /** Page of the run; the first template whose variables are all set. */
  readonly url?: readonly string[];
}

export interface Provider {
  readonly id: string;
  /** A pipeline runs a deploy; a host starts what was deployed. */
  readonly kind: "pipeline" | "host";
  /** Variables that all must be set, to this value where one is given after `=`. */
  readonly when: readonly string[];
  readonly read: RunVariables;
}

const table: readonly Provider[] = [
  {
    id: "github-actions",
    kind: "pipeline",
    when: ["GITHUB_ACTIONS=true"],
    read: {
      commit: ["GITHUB_SHA"],
      branch: ["GITHUB_HEAD_REF"],
      ref: ["GITHUB_REF"],
      repository: ["GITHUB_REPOSITORY"],
      run: ["GITHUB_RUN_ID"],
      attempt: ["GITHUB_RUN_ATTEMPT"],
      step: ["GITHUB_JOB", "GITHUB_WORKFLOW", "GITHUB_EVENT_NAME"],
      actor: ["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"],
      url: [
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
      ],
    },
  },
  {
    id: "gitlab-ci",
    kind: "pipeline",
    when: ["GITLAB_CI"],
    read: {
      commit: ["CI_COMMIT_SHA"],
      branch: ["CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"],
      tag: ["CI_COMMIT_TAG"],
      repository: ["CI_PROJECT_PATH"],
      repositoryUrl: ["CI_PROJECT_URL", "CI_REPOSITORY_URL"],
      run: ["CI_PIPELINE_ID"],
      attempt: ["CI_JOB_ID"],
      step: ["CI_JOB_STAGE", "CI_JOB_NAME"],
      environment: ["CI_ENVIRONMENT_NAME"],
      actor: ["GITLAB_USER_LOGIN"],
      committedAt: ["CI_COMMIT_TIMESTAMP"],
      pullRequest: ["CI_MERGE_REQUEST_IID"],
      url: ["{CI_JOB_URL}", "{CI_PIPELINE_URL}"],
    },
  },
  {
    id: "circleci",
    kind: "pipeline",
    when: ["CIRCLECI"],
    read: {
      commit: ["CIRCLE_SHA1"],
      branch: ["CIRCLE_BRANCH"],
      tag: ["CIRCLE_TAG"],
      repository: ["CIRCLE_PROJECT_USERNAME/CIRCLE_PROJECT_REPONAME"],
      repositoryUrl: ["CIRCLE_REPOSITORY_URL"],
      run: ["CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_NUM"],
      attempt: ["CIRCLE_BUILD_NUM"],
      step: ["CIRCLE_JOB"],
      actor: ["CIRCLE_USERNAME"],
      pullRequest: ["CIRCLE_PULL_REQUEST", "CIRCLE_PR_NUMBER"],
      url: ["{CIRCLE_BUILD_URL}"],
    },
  },
  {
    id: "buildkite",
    kind: "pipeline",
    when: ["BUILDKITE"],
    read: {
      commit: ["BUILDKITE_COMMIT"],
      branch: ["BUILDKITE_BRANCH"],
      tag: ["BUILDKITE_TAG"],
      repositoryUrl: ["BUILDKITE_REPO"],
      run: ["BUILDKITE_BUILD_ID"],
      attempt: ["BUILDKITE_JOB_ID"],
      step: ["BUILDKITE_LABEL", "BUILDKITE_STEP_KEY", "BUILDKITE_PIPELINE_SLUG"],
      actor: ["BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_AUTHOR"],
      pullRequest: ["BUILDKITE_PULL_REQUEST"],
      url: ["{BUILDKITE_BUILD_URL}"],
    },
  },
  {
    id: "azure-pipelines",
    kind: "pipeline",
    when: ["TF_BUILD"],
    read: {
      commit: ["BUILD_SOURCEVERSION"],
      ref: ["BUILD_SOURCEBRANCH"],
      repository: ["BUILD_REPOSITORY_NAME"],
      repositoryUrl: ["BUILD_REPOSITORY_URI"],
      run: ["RELEASE_RELEASEID", "BUILD_BUILDID"],
      attempt: ["SYSTEM_JOBATTEMPT"],
      step: ["SYSTEM_STAGENAME", "SYSTEM_JOBNAME", "AGENT_JOBNAME", "RELEASE_DEFINITIONNAME"],
      environment: ["ENVIRONMENT_NAME", "RELEASE_ENVIRONMENTNAME"],
      actor: ["BUILD_REQUESTEDFOR"],
      url: ["{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}"],
    },
  },
  {
    id: "bitbucket-pipelines",
    kind: "pipeline",
    when: ["BITBUCKET_BUILD_NUMBER"],
    read: {
      commit: ["BITBUCKET_COMMIT"],
      branch: ["BITBUCKET_BRANCH"],
      tag: ["BITBUCKET_TAG"],
      repository: ["BITBUCKET_REPO_FULL_NAME"],
      run: ["BITBUCKET_PIPELINE_UUID", "BITBUCKET_BUILD_NUMBER"],
      attempt: ["BITBUCKET_STEP_RUN_NUMBER"],
      environment: ["BITBUCKET_DEPLOYMENT_ENVIRONMENT"],
      pullRequest: ["BITBUCKET_PR_ID"],
      url: ["https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}"],
    },
  },
  {
    id: "jenkins",
    kind: "pipeline",
    when: ["JENKINS_URL", "BUILD_ID"],
    read: {
      commit: ["GIT_COMMIT"],
      branch: ["CHANGE_BRANCH", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"],
      tag: ["TAG_NAME"],
      repositoryUrl: ["GIT_URL"],
      run: ["BUILD_TAG", "BUILD_ID"],
      step: ["STAGE_NAME", "JOB_NAME"],
      actor: ["BUILD_USER_ID", "CHANGE_AUTHOR"],
      pullRequest: ["CHANGE_ID"],
      url: ["{BUILD_URL}"],
    },
  },
  {
    id: "aws-codebuild",
    kind: "pipeline",
    when: ["CODEBUILD_BUILD_ID"],
    read: {
      commit: ["CODEBUILD_RESOLVED_SOURCE_VERSION"],
      ref: ["CODEBUILD_WEBHOOK_HEAD_REF"],
      repositoryUrl: ["CODEBUILD_SOURCE_REPO_URL"],
      run: ["CODEBUILD_BUILD_ID"],
      step: ["CODEBUILD_BUILD_ID", "CODEBUILD_INITIATOR"],
      actor: ["CODEBUILD_INITIATOR"],
      url: ["{CODEBUILD_PUBLIC_BUILD_URL}", "{CODEBUILD_BUILD_URL}"],
    },
  },
  {
    id: "vercel",
    kind: "host",
    when: ["VERCEL"],
    read: {
      commit: ["VERCEL_GIT_COMMIT_SHA"],
      branch: ["VERCEL_GIT_COMMIT_REF"],
      repository: ["VERCEL_GIT_REPO_OWNER/VERCEL_GIT_REPO_SLUG"],
      run: ["VERCEL_DEPLOYMENT_ID", "VERCEL_URL"],
      environment: ["VERCEL_TARGET_ENV", "VERCEL_ENV"],
      actor: ["VERCEL_GIT_COMMIT_AUTHOR_LOGIN"],
      pullRequest: ["VERCEL_GIT_PULL_REQUEST_ID"],
      url: ["https://{VERCEL_URL}"],
    },
  },
  {
    id: "netlify",
    kind: "host",
    when: ["NETLIFY"],
    read: {
      commit: ["COMMIT_REF"],
      branch: ["HEAD", "BRANCH"],
      repositoryUrl: ["REPOSITORY_URL"],
      run: ["DEPLOY_ID", "BUILD_ID"],
      environment: ["CONTEXT"],
      service: ["SITE_NAME"],
      pullRequest: ["REVIEW_ID"],
      url: ["{DEPLOY_URL}"],
    },
  },
  {
    id: "cloudflare-pages",
    kind: "host",
    when: ["CF_PAGES"],
    read: { commit: ["CF_PAGES_COMMIT_SHA"], branch: ["CF_PAGES_BRANCH"], run: ["CF_PAGES_URL"], url: ["{CF_PAGES_URL}"] },
  },
  {
    id: "cloudflare-workers",
    kind: "host",
    when: ["WORKERS_CI"],
    read: { commit: ["WORKERS_CI_COMMIT_SHA"], branch: ["WORKERS_CI_BRANCH"], run: ["WORKERS_CI_BUILD_UUID"] },
  },
  {
    id: "render",
    kind: "host",
    when: ["RENDER"],
    read: {
      commit: ["RENDER_GIT_COMMIT"],
      branch: ["RENDER_GIT_BRANCH"],
      repository: ["RENDER_GIT_REPO_SLUG"],
      run: ["RENDER_SERVICE_ID/RENDER_GIT_COMMIT"],
      service: ["RENDER_SERVICE_NAME"],
      url: ["{RENDER_EXTERNAL_URL}"],
    },
  },
  {
    id: "railway",
    kind: "host",
    when: ["RAILWAY_DEPLOYMENT_ID"],
    read: {
      commit: ["RAILWAY_GIT_COMMIT_SHA"],
      branch: ["RAILWAY_GIT_BRANCH"],
      repository: ["RAILWAY_GIT_REPO_OWNER/RAILWAY_GIT_REPO_NAME"],
      run: ["RAILWAY_DEPLOYMENT_ID"],
      environment: ["RAILWAY_ENVIRONMENT_NAME"],
      service: ["RAILWAY_SERVICE_NAME"],
      actor: ["RAILWAY_GIT_AUTHOR"],
      url: ["https://{RAILWAY_PUBLIC_DOMAIN}"],
    },
  },
  {
    id: "fly",
    kind: "host",
    when: ["FLY_APP_NAME"],
    read: {
      run: ["FLY_IMAGE_REF"],
      version: ["FLY_MACHINE_VERSION", "FLY_IMAGE_REF"],
      service: ["FLY_APP_NAME"],
      url: ["https://{FLY_APP_NAME}.fly.dev"],
    },
  },
  {
    id: "heroku",
    kind: "host",
    when: ["DYNO", "HEROKU_APP_NAME"],
    read: {
      commit: ["HEROKU_BUILD_COMMIT", "HEROKU_SLUG_COMMIT"],
      run: ["HEROKU_APP_NAME/HEROKU_RELEASE_VERSION"],
      version: ["HEROKU_RELEASE_VERSION"],
      service: ["HEROKU_APP_NAME"],
    },
  },
  {
    id: "google-cloud-run",
    kind: "host",
    when: ["K_SERVICE", "K_REVISION"],
    read: { run: ["K_REVISION"], version: ["K_REVISION"], service: ["K_SERVICE"] },
  },
];

function freezeDeep<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) for (const part of Object.values(Object.freeze(value))) freezeDeep(part);
  return value;
}

/** In order: the first that matches is taken, and pipelines come before hosts. Source: the public documentation of each. */
export const PROVIDERS: readonly Provider[] = /* @__PURE__ */ freezeDeep(table);
