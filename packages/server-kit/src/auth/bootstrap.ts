// The first administrator: account, organization, membership, project, key and webhook secret in one transaction, once per install.
import { CuittyError } from "@cuitty/wire-protocol";
import { SIGNATURE_POLICIES, type SignaturePolicy } from "./directory.ts";
import type { KeyStore, StorePorts } from "./key-store.ts";
import type { ProjectStore } from "./project-store.ts";

export interface BootstrapOptions {
  /** Of the first administrator. */
  readonly email: string;
  /** Name of the organization. */
  readonly organization: string;
  /** Name of the first project. @default "default" */
  readonly project?: string | undefined;
  /** `optional` lets the documented unsigned curl work; use `required` outside demos and quickstarts. @default "optional" */
  readonly signaturePolicy?: SignaturePolicy | undefined;
}

/** `apiKey` and `webhookSecret` exist only here: they are stored hashed and sealed. */
export interface Bootstrapped {
  readonly accountId: string;
  readonly organizationId: string;
  readonly projectId: string;
  readonly keyId: string;
  readonly apiKey: string;
  readonly webhookSecret: string;
}

/** Scopes of the first key. */
export const ALL_SCOPES = ["ingest", "read", "keys", "admin"] as const;

export interface BootstrapPorts extends StorePorts {
  readonly keys: KeyStore;
  readonly projects: ProjectStore;
  readonly makeId: () => string;
}

/** Whether this install has an administrator. */
export function isBootstrapped(driver: StorePorts["driver"]): boolean {
  return driver.prepare("SELECT 1 FROM accounts LIMIT 1").get() !== undefined;
}

/** Errors: `already_bootstrapped`, `invalid_option`, `unknown_option`. */
export function bootstrap(ports: BootstrapPorts, options: BootstrapOptions): Bootstrapped {
  const { driver, keys, projects } = ports;
  checkOptions(options);
  return driver.transaction(() => {
    // Read inside the transaction: of two callers at once one must lose.
    if (isBootstrapped(driver)) {
      throw new CuittyError(
        "already_bootstrapped",
        "This data folder has its administrator already; use the key that was shown then, or another dataDir",
      );
    }
    const { accountId, organizationId } = insertOwner(ports, options);
    const actor = { accountId, subjectId: accountId };
    const { project, webhookSecret } = projects.create(
      { organizationId, name: options.project ?? "default", signaturePolicy: options.signaturePolicy ?? "optional" },
      actor,
    );
    const issued = keys.issue(
      { projectId: project.id, organizationId, name: "bootstrap", kind: "sk", scopes: ALL_SCOPES, origins: [], expiresAt: null },
      actor,
    );
    ports.audit({ action: "bootstrapped", actor, organizationId, details: { projectId: project.id } });
    return { accountId, organizationId, projectId: project.id, keyId: issued.record.id, apiKey: issued.key, webhookSecret };
  });
}

function insertOwner(ports: BootstrapPorts, options: BootstrapOptions): { readonly accountId: string; readonly organizationId: string } {
  const { driver, makeId } = ports;
  const nowSeconds = Math.floor(ports.clock() / 1000);
  const accountId = makeId();
  const organizationId = makeId();
  driver
    .prepare("INSERT INTO accounts (id, created_at, updated_at, email, access_level) VALUES (?, ?, ?, ?, 'admin')")
    .run([accountId, nowSeconds, nowSeconds, options.email.trim().toLowerCase()]);
  driver
    .prepare("INSERT INTO organizations (id, created_at, updated_at, name, slug, owner_id) VALUES (?, ?, ?, ?, ?, ?)")
    .run([
      organizationId,
      nowSeconds,
      nowSeconds,
      options.organization.trim(),
      organizationSlug(options.organization, organizationId),
      accountId,
    ]);
  driver
    .prepare(
      "INSERT INTO organization_members (id, created_at, updated_at, org_id, account_id, membership_level) VALUES (?, ?, ?, ?, ?, 'owner')",
    )
    .run([makeId(), nowSeconds, nowSeconds, organizationId, accountId]);
  return { accountId, organizationId };
}

function organizationSlug(name: string, organizationId: string): string {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return slug === "" ? organizationId : slug.slice(0, 60);
}

const names: ReadonlySet<string> = new Set<keyof BootstrapOptions>(["email", "organization", "project", "signaturePolicy"]);

function checkOptions(options: BootstrapOptions): void {
  const unknown = Object.keys(options ?? {}).find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new CuittyError(
      "unknown_option",
      `Unknown option ${JSON.stringify(unknown)} of bootstrap; expected one of ${[...names].join(", ")}`,
    );
  }
  if (typeof options?.email !== "string" || !/^[^\s@]+@[^\s@]+$/.test(options.email.trim())) {
    throw new CuittyError("invalid_option", 'Expected bootstrap({ email }) to be an e-mail address such as "ops@example.com"');
  }
  if (typeof options.organization !== "string" || options.organization.trim() === "") {
    throw new CuittyError("invalid_option", 'Expected bootstrap({ organization }) to be a name such as "Acme"');
  }
  const { project = "default", signaturePolicy = "optional" } = options;
  if (typeof project !== "string" || project.trim() === "") {
    throw new CuittyError("invalid_option", 'Expected bootstrap({ project }) to be a name such as "default"');
  }
  if (!SIGNATURE_POLICIES.includes(signaturePolicy)) {
    throw new CuittyError("invalid_option", `Expected bootstrap({ signaturePolicy }) to be one of ${SIGNATURE_POLICIES.join(", ")}`);
  }
}
