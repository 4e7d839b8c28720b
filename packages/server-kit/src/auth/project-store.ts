// Projects and their webhook secrets in system.db.

import type { SqlRow } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import type { Actor } from "./audit-trail.ts";
import type { ProjectLimits, SecretDirectory, SignaturePolicy, SigningPolicy } from "./directory.ts";
import { randomText } from "./key-format.ts";
import type { StorePorts } from "./key-store.ts";
import type { SecretBox } from "./master-key.ts";
import { createProjectSecrets, type IssuedSecret } from "./project-secrets.ts";
import { createTtlCache } from "./ttl-cache.ts";

export interface ProjectRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly slug: string;
  readonly signaturePolicy: SignaturePolicy;
  readonly limits: ProjectLimits;
  /** Units: Unix s. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ProjectChange {
  readonly name?: string | undefined;
  readonly signaturePolicy?: SignaturePolicy | undefined;
  readonly limits?: ProjectLimits | undefined;
}

export interface NewProject extends ProjectChange {
  readonly organizationId: string;
  readonly name: string;
  /** @default made of the name */
  readonly slug?: string | undefined;
}

export interface ProjectPage {
  readonly afterId: string;
  readonly limit: number;
  /** Only these ids; null for all. */
  readonly only: readonly string[] | null;
}

export interface ProjectStore extends SecretDirectory {
  /** Errors: `not_found` for an organisation that has no row; `conflict` when it has a project with that slug. */
  create(input: NewProject, actor: Actor): IssuedSecret & { readonly project: ProjectRecord };
  /** Null for an unknown or deleted project. */
  get(projectId: string): ProjectRecord | null;
  list(organizationId: string, page: ProjectPage): readonly ProjectRecord[];
  update(project: ProjectRecord, change: ProjectChange, actor: Actor): ProjectRecord;
  /** Its keys stop working; its rows stay. */
  remove(project: ProjectRecord, actor: Actor): void;
  /** A new secret; the old one ends now or after `graceSeconds`. */
  rotateSecret(project: ProjectRecord, graceSeconds: number, actor: Actor): IssuedSecret;
  limitsOf(projectId: string): ProjectLimits;
  forget(): void;
}

const COLUMNS = "id, org_id, name, slug, signature_policy, limits, created_at, updated_at";
const maxCachedProjects = 10_000;
const policyTtlMs = 30_000;

export function createProjectStore(ports: StorePorts, box: SecretBox): ProjectStore {
  const { driver, clock, random, audit } = ports;
  const policies = createTtlCache<SigningPolicy | null>(maxCachedProjects, clock);
  const projects = createTtlCache<ProjectRecord | null>(maxCachedProjects, clock);
  const secrets = createProjectSecrets(ports, box);
  const seconds = () => Math.floor(clock() / 1000);

  function read(projectId: string): ProjectRecord | null {
    const row = driver.prepare(`SELECT ${COLUMNS} FROM projects WHERE id = ? AND deleted_at IS NULL`).get([projectId]);
    return row === undefined ? null : projectOf(row);
  }

  function get(projectId: string): ProjectRecord | null {
    let project = projects.get(projectId);
    if (project === undefined) {
      project = read(projectId);
      projects.set(projectId, project, policyTtlMs);
    }
    return project;
  }

  function readPolicy(projectId: string): SigningPolicy | null {
    const project = read(projectId);
    return project === null ? null : { policy: project.signaturePolicy, secrets: secrets.live(projectId) };
  }

  /** The app's own sessions may be of an organisation that only the app knows. */
  function checkOrganization(organizationId: string): void {
    if (driver.prepare("SELECT 1 FROM organizations WHERE id = ?").get([organizationId]) !== undefined) return;
    throw new CuittyError(
      "not_found",
      "Expected an organization of this server, got one that is not in its system.db; kit.bootstrap tells the id of the one that it made",
    );
  }

  /** A slug that was asked for must be free; one made of the name is made free. */
  function freeSlug(input: NewProject): string {
    const isTaken = (slug: string) =>
      driver.prepare("SELECT 1 FROM projects WHERE org_id = ? AND slug = ?").get([input.organizationId, slug]) !== undefined;
    const slug = input.slug ?? slugOf(input.name, random);
    if (!isTaken(slug)) return slug;
    if (input.slug === undefined) return `${slug}-${randomText(6, random).toLowerCase()}`;
    throw new CuittyError("conflict", `Expected a slug that is free in this organization, got ${JSON.stringify(slug)}; choose another`);
  }

  function create(input: NewProject, actor: Actor): IssuedSecret & { readonly project: ProjectRecord } {
    const id = `proj_${randomText(16, random)}`;
    const result = driver.transaction(() => {
      checkOrganization(input.organizationId);
      const slug = freeSlug(input);
      const nowSeconds = seconds();
      const limits = input.limits === undefined ? null : JSON.stringify(input.limits);
      driver
        .prepare(
          "INSERT INTO projects (id, created_at, updated_at, org_id, name, slug, signature_policy, limits) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .run([id, nowSeconds, nowSeconds, input.organizationId, input.name, slug, input.signaturePolicy ?? "required", limits]);
      const secret = secrets.insert(id);
      audit({ action: "project_created", actor, organizationId: input.organizationId, details: { projectId: id, name: input.name } });
      return { ...secret, project: read(id) as ProjectRecord };
    });
    ports.onChange();
    return result;
  }

  function update(project: ProjectRecord, change: ProjectChange, actor: Actor): ProjectRecord {
    const updated = driver.transaction(() => {
      const name = change.name ?? project.name;
      const policy = change.signaturePolicy ?? project.signaturePolicy;
      const limits = JSON.stringify(change.limits ?? project.limits);
      driver
        .prepare("UPDATE projects SET name = ?, signature_policy = ?, limits = ?, updated_at = ? WHERE id = ? AND deleted_at IS NULL")
        .run([name, policy, limits, seconds(), project.id]);
      audit({ action: "project_updated", actor, organizationId: project.organizationId, details: { projectId: project.id, ...change } });
      return read(project.id) as ProjectRecord;
    });
    ports.onChange();
    return updated;
  }

  function remove(project: ProjectRecord, actor: Actor): void {
    driver.transaction(() => {
      // The slug is set free: a new project may take the name of a deleted one.
      driver
        .prepare("UPDATE projects SET deleted_at = ?, updated_at = ?, slug = slug || '~' || id WHERE id = ? AND deleted_at IS NULL")
        .run([seconds(), seconds(), project.id]);
      audit({ action: "project_deleted", actor, organizationId: project.organizationId, details: { projectId: project.id } });
    });
    ports.onChange();
  }

  function rotateSecret(project: ProjectRecord, graceSeconds: number, actor: Actor): IssuedSecret {
    const secret = driver.transaction(() => {
      secrets.end(project.id, graceSeconds);
      const made = secrets.insert(project.id);
      const details = { projectId: project.id, secretId: made.secretId, graceSeconds };
      audit({ action: "secret_rotated", actor, organizationId: project.organizationId, details });
      return made;
    });
    ports.onChange();
    return secret;
  }

  return {
    signingPolicy(projectId) {
      let policy = policies.get(projectId);
      if (policy === undefined) {
        policy = readPolicy(projectId);
        policies.set(projectId, policy, Math.min(policyTtlMs, secrets.nextEndMs(projectId)));
      }
      return policy;
    },
    create,
    get,
    list(organizationId, { afterId, limit, only }) {
      const filter = only === null ? "" : "AND id IN (SELECT value FROM json_each(?))";
      return driver
        .prepare(`SELECT ${COLUMNS} FROM projects WHERE org_id = ? AND id > ? AND deleted_at IS NULL ${filter} ORDER BY id LIMIT ?`)
        .all([organizationId, afterId, ...(only === null ? [] : [JSON.stringify(only)]), limit])
        .map(projectOf);
    },
    update,
    remove,
    rotateSecret,
    limitsOf: (projectId) => get(projectId)?.limits ?? {},
    forget() {
      policies.clear();
      projects.clear();
    },
  };
}

function projectOf(row: SqlRow): ProjectRecord {
  const [id, organizationId, name, slug, policy, limits, createdAt, updatedAt] = row;
  return {
    id: id as string,
    organizationId: organizationId as string,
    name: name as string,
    slug: slug as string,
    signaturePolicy: policy as SignaturePolicy,
    limits: JSON.parse((limits as string | null) ?? "{}") as ProjectLimits,
    createdAt: createdAt as number,
    updatedAt: updatedAt as number,
  };
}

function slugOf(name: string, random: StorePorts["random"]): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return slug === "" ? `project-${randomText(8, random).toLowerCase()}` : slug;
}
