// API keys in system.db: issue, list, revoke, rotate, and the lookup that every request makes.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Clock, RandomBytes } from "../clock.ts";
import type { Actor, AuditWriter } from "./audit-trail.ts";
import type { Authenticated } from "./authenticate.ts";
import type { KeyDirectory } from "./directory.ts";
import { hashKey, isSameHash, type KeyKind, makeKey, parseKey } from "./key-format.ts";
import { createKeyOrigins } from "./key-origins.ts";
import { isLive, KEY_COLUMNS, KEY_IS_LIVE, KEY_OWNERS, type KeyRecord, keyRecordOf } from "./key-records.ts";
import { createLastUsed } from "./last-used.ts";
import type { Driver } from "./system.ts";
import { createTtlCache } from "./ttl-cache.ts";

export interface NewKey {
  readonly projectId: string;
  readonly organizationId: string;
  readonly name: string | null;
  readonly kind: KeyKind;
  readonly scopes: readonly string[];
  readonly origins: readonly string[];
  /** Units: Unix s; null never expires. */
  readonly expiresAt: number | null;
}

/** The text of a key, this once, beside its record. */
export interface IssuedKey {
  readonly key: string;
  readonly record: KeyRecord;
}

export interface KeyStore extends KeyDirectory {
  issue(input: NewKey, actor: Actor): IssuedKey;
  list(projectId: string): readonly KeyRecord[];
  get(projectId: string, keyId: string): KeyRecord | null;
  /** False when there is no such key or it is revoked already. */
  revoke(projectId: string, keyId: string, actor: Actor): boolean;
  /** A new key with the same rights; the old one ends now or after `graceSeconds`. Errors: `conflict` for a key that has ended. */
  rotate(record: KeyRecord, graceSeconds: number, actor: Actor): IssuedKey;
  /** Live keys with the scope `admin` in an organization, without those that another has replaced. */
  administrators(organizationId: string): readonly KeyRecord[];
  /** Whether a key may still be used; asked for streams that stay open. */
  isLive(keyId: string): boolean;
  /** Whether some live publishable key may be used from this origin; for preflights, which carry no key. */
  knowsOrigin(origin: string): boolean;
  /** Account that owns a key; null for an unknown id. */
  ownerOf(keyId: string): string | null;
  /** Forgets cached answers, after any change of keys or projects. */
  forget(): void;
  flushLastUsed(): void;
  close(): void;
}

export interface StorePorts {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly audit: AuditWriter;
  /** Called after a change is committed. */
  readonly onChange: () => void;
}

interface CachedKey {
  readonly record: KeyRecord;
  readonly found: Authenticated;
}

const maxCachedKeys = 10_000;
const knownTtlMs = 30_000;
const unknownTtlMs = 5_000;

export function createKeyStore(ports: StorePorts): KeyStore {
  const { driver, clock, random } = ports;
  const cache = createTtlCache<CachedKey | null>(maxCachedKeys, clock);
  const origins = createKeyOrigins(driver, clock);
  const lastUsed = createLastUsed(driver, clock);

  function load(keyId: string): CachedKey | null {
    const row = driver.prepare(`SELECT ${KEY_COLUMNS} FROM api_keys k ${KEY_OWNERS} WHERE k.id = ?`).get([keyId]);
    if (row === undefined) return null;
    const record = keyRecordOf(row);
    return { record, found: authenticatedAs(record) };
  }

  function lookUp(keyId: string): CachedKey | null {
    let entry = cache.get(keyId);
    if (entry === undefined) {
      entry = load(keyId);
      cache.set(keyId, entry, entry === null ? unknownTtlMs : knownTtlMs);
    }
    return entry;
  }

  function find(key: string): Authenticated | null {
    const parsed = parseKey(key);
    if (parsed === null) return null;
    const entry = lookUp(parsed.keyId);
    if (entry === null || !isSameHash(hashKey(key), entry.record.hash)) return null;
    return isLive(entry.record, clock() / 1000) ? entry.found : null;
  }

  function insert(input: NewKey, actor: Actor): IssuedKey {
    const { key, keyId } = makeKey(input.kind, random);
    const nowSeconds = Math.floor(clock() / 1000);
    const { projectId, organizationId, kind, scopes, origins } = input;
    const metadata = { projectId, organizationId, kind, scopes, origins, last4: key.slice(-4) };
    driver
      .prepare(
        "INSERT INTO api_keys (id, metadata, created_at, updated_at, owner_id, key_hash, name, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run([keyId, JSON.stringify(metadata), nowSeconds, nowSeconds, actor.accountId, hashKey(key), input.name, input.expiresAt]);
    return { key, record: get(projectId, keyId) as KeyRecord };
  }

  function get(projectId: string, keyId: string): KeyRecord | null {
    const row = driver
      .prepare(`SELECT ${KEY_COLUMNS} FROM api_keys k WHERE k.id = ? AND json_extract(k.metadata, '$.projectId') = ?`)
      .get([keyId, projectId]);
    return row === undefined ? null : keyRecordOf(row);
  }

  function issue(input: NewKey, actor: Actor): IssuedKey {
    const issued = driver.transaction(() => {
      const made = insert(input, actor);
      const details = { projectId: input.projectId, kind: input.kind, scopes: input.scopes, name: input.name };
      ports.audit({ action: "created", actor, organizationId: input.organizationId, keyId: made.record.id, details });
      return made;
    });
    ports.onChange();
    return issued;
  }

  function revoke(projectId: string, keyId: string, actor: Actor): boolean {
    const record = get(projectId, keyId);
    if (record === null || record.revokedAt !== null) return false;
    driver.transaction(() => {
      const nowSeconds = Math.floor(clock() / 1000);
      driver
        .prepare("UPDATE api_keys SET revoked_at = ?, updated_at = ? WHERE id = ? AND revoked_at IS NULL")
        .run([nowSeconds, nowSeconds, keyId]);
      ports.audit({ action: "revoked", actor, organizationId: record.organizationId, keyId, details: { projectId } });
    });
    ports.onChange();
    return true;
  }

  function rotate(record: KeyRecord, graceSeconds: number, actor: Actor): IssuedKey {
    const nowSeconds = Math.floor(clock() / 1000);
    if (!isLive(record, nowSeconds) || record.rotatedToId !== null) {
      throw new CuittyError("conflict", "Expected a live key that has not been rotated; create a new key instead");
    }
    const issued = driver.transaction(() => {
      const made = insert({ ...record, expiresAt: record.expiresAt }, actor);
      const endsAt = Math.min(nowSeconds + graceSeconds, record.expiresAt ?? Number.POSITIVE_INFINITY);
      const end = graceSeconds === 0 ? "revoked_at = ?" : "expires_at = ?";
      driver
        .prepare(`UPDATE api_keys SET rotated_to_id = ?, updated_at = ?, ${end} WHERE id = ?`)
        .run([made.record.id, nowSeconds, endsAt, record.id]);
      const details = { projectId: record.projectId, rotatedToId: made.record.id, graceSeconds };
      ports.audit({ action: "rotated", actor, organizationId: record.organizationId, keyId: record.id, details });
      return made;
    });
    ports.onChange();
    return issued;
  }

  return {
    find,
    touch: lastUsed.touch,
    issue,
    list(projectId) {
      const sql = `SELECT ${KEY_COLUMNS} FROM api_keys k WHERE json_extract(k.metadata, '$.projectId') = ? ORDER BY k.created_at, k.id`;
      return driver.prepare(sql).all([projectId]).map(keyRecordOf);
    },
    get,
    revoke,
    rotate,
    administrators(organizationId) {
      return driver
        .prepare(`SELECT ${KEY_COLUMNS} FROM api_keys k ${KEY_OWNERS} WHERE p.org_id = ? AND k.rotated_to_id IS NULL AND ${KEY_IS_LIVE}`)
        .all([organizationId, Math.floor(clock() / 1000)])
        .map(keyRecordOf)
        .filter(({ scopes }) => scopes.includes("admin"));
    },
    isLive(keyId) {
      const entry = lookUp(keyId);
      return entry !== null && isLive(entry.record, clock() / 1000);
    },
    ownerOf(keyId) {
      const row = driver.prepare("SELECT owner_id FROM api_keys WHERE id = ?").get([keyId]);
      return row === undefined ? null : (row[0] as string);
    },
    knowsOrigin: origins.has,
    forget() {
      cache.clear();
      origins.forget();
    },
    flushLastUsed: lastUsed.flush,
    close: lastUsed.close,
  };
}

function authenticatedAs(record: KeyRecord): Authenticated {
  const { id, kind, projectId, organizationId, scopes, origins } = record;
  const subject = Object.freeze({ id, kind: "api_key" as const, projectId, organizationId, scopes });
  return Object.freeze({ subject, credential: Object.freeze({ keyId: id, kind, origins }) });
}
