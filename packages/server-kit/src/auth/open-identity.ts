// system.db as the kit uses it: keys, projects, secrets and the first administrator behind one object.
import { join } from "node:path";
import type { Clock, RandomBytes } from "../clock.ts";
import { systemClock, systemRandom } from "../clock.ts";
import { uuidV7Maker } from "../ids.ts";
import type { Subject } from "../route.ts";
import { type Actor, createAuditWriter } from "./audit-trail.ts";
import { type BootstrapOptions, type Bootstrapped, bootstrap, isBootstrapped } from "./bootstrap.ts";
import { createKeyStore, type KeyStore } from "./key-store.ts";
import { loadSecretBox } from "./master-key.ts";
import { countForeignSecrets } from "./project-secrets.ts";
import { createProjectStore, type ProjectStore } from "./project-store.ts";
import { type Driver, openSystem } from "./system.ts";

export interface IdentityOptions {
  /** Folder of `system.db`; made when it is not there. */
  readonly dataDir: string;
  /** 32 bytes, or their hex or base64. @default CUITTY_MASTER_KEY, else `<dataDir>/master.key` (0600), made on first use */
  readonly masterKey?: string | Uint8Array | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called after keys, secrets or projects changed. */
  readonly onChange?: (() => void) | undefined;
}

/** Accounts, keys and projects of a data folder: its `system.db`. */
export interface Identity {
  readonly keys: KeyStore;
  readonly projects: ProjectStore;
  readonly driver: Driver;
  readonly isBootstrapped: boolean;
  bootstrap(options: BootstrapOptions): Bootstrapped;
  /** The account behind a subject, for audit rows and ownership. */
  actorOf(subject: Subject, requestId?: string): Actor;
  /** A secret derived from the master key for one purpose. */
  secretFor(purpose: string): Uint8Array;
  /** Copies system.db while it is in use. */
  backup(path: string): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Opens system.db with its migrations. Errors: those of the file, `invalid_master_key`, `insecure_key_file`. */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { dataDir, clock = systemClock, random = systemRandom, environment = process.env } = options;
  const system = openSystem(join(dataDir, "system.db"));
  const { driver } = system;
  try {
    const box = loadSecretBox({
      masterKey: options.masterKey,
      keyFilePath: join(dataDir, "master.key"),
      environment,
      random,
      countForeign: (keyId) => countForeignSecrets(driver, keyId, Math.floor(clock() / 1000)),
    });
    const makeId = uuidV7Maker(clock, random);
    const ports = { driver, clock, random, audit: createAuditWriter(driver, clock, makeId), onChange };
    const keys = createKeyStore(ports);
    const projects = createProjectStore(ports, box);
    function onChange(): void {
      keys.forget();
      projects.forget();
      options.onChange?.();
    }
    return {
      keys,
      projects,
      driver,
      get isBootstrapped() {
        return isBootstrapped(driver);
      },
      bootstrap: (given) => bootstrap({ ...ports, keys, projects, makeId }, given),
      actorOf: (subject, requestId) => ({ accountId: accountOf(driver, keys, subject), subjectId: subject.id, requestId }),
      secretFor: box.derive,
      backup: system.backup,
      close() {
        keys.close();
        system.close();
      },
    };
  } catch (error) {
    system.close();
    throw error;
  }
}

/** An app's own user has no row in `accounts` unless the app made one: the organization's owner then answers for it. */
function accountOf(driver: Driver, keys: KeyStore, subject: Subject): string {
  if (subject.kind === "api_key") {
    const ownerId = keys.ownerOf(subject.id);
    if (ownerId !== null) return ownerId;
  }
  if (driver.prepare("SELECT 1 FROM accounts WHERE id = ?").get([subject.id]) !== undefined) return subject.id;
  const row = driver.prepare("SELECT owner_id FROM organizations WHERE id = ?").get([subject.organizationId]);
  return (row?.[0] as string | undefined) ?? subject.id;
}
