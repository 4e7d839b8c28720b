// Identity and metagraph tables behave as they are described: cascades row by row, closed sets, unique names, key states, renames.
import { eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSystemDatabase, createTenantDatabase, type SystemDatabase, type TenantDatabase } from "./client.ts";
import { type CredentialState, credentialStatus, isUsable } from "./is-usable.ts";
import {
  accounts,
  apiKeys,
  auditLogs,
  edges,
  edgeTypes,
  graphs,
  graphTypes,
  nodes,
  nodeTypes,
  organizationMembers,
  organizations,
  peerCredentials,
  projectSecrets,
  projects,
} from "./tables/index.ts";
import { engines, type TestFiles, testFiles } from "./testing/drivers.ts";

const restricted = expect.objectContaining({ code: "constraint" });
let files: TestFiles;
beforeEach(() => {
  files = testFiles();
});
afterEach(() => files.remove());

describe.each(engines)("system.db on %s", (engine) => {
  let db: SystemDatabase;
  beforeEach(() => {
    db = createSystemDatabase(files.open(engine, "system.db"));
    db.insert(accounts)
      .values(["owner", "member", "actor", "idle"].map((id) => ({ id, email: `${id}@example.com` })))
      .run();
    db.insert(organizations).values({ id: "org", name: "Org", slug: "org", ownerId: "owner" }).run();
    db.insert(organizationMembers).values({ id: "m1", orgId: "org", accountId: "member", membershipLevel: "member" }).run();
    db.insert(apiKeys).values({ id: "k1", ownerId: "member", keyHash: "h1" }).run();
    db.insert(peerCredentials)
      .values({ id: "p1", ownerId: "member", credentialType: "ssh_key", fingerprint: "f1", publicKeyData: "ssh-ed25519 AAAA" })
      .run();
    db.insert(auditLogs)
      .values({ id: "a1", action: "created", ownerId: "actor", orgId: "org", credentialId: "k1", credentialType: "api_key" })
      .run();
  });
  const remove = (id: string) => db.delete(accounts).where(eq(accounts.id, id)).run();
  const removeOrg = () => db.delete(organizations).where(eq(organizations.id, "org")).run();

  test("organizations.ownerId RESTRICT: an owner cannot be deleted, and can after the transfer", () => {
    expect(() => remove("owner")).toThrow(restricted);
    db.update(organizations).set({ ownerId: "idle" }).run();
    expect(remove("owner").changes).toBe(1);
  });

  test("organization_members CASCADE from both sides", () => {
    removeOrg();
    expect(db.select().from(organizationMembers).all()).toEqual([]);
    db.insert(organizations).values({ id: "org2", name: "Org 2", slug: "org-2", ownerId: "owner" }).run();
    db.insert(organizationMembers).values({ id: "m2", orgId: "org2", accountId: "member", membershipLevel: "admin" }).run();
    remove("member");
    expect(db.select().from(organizationMembers).all()).toEqual([]);
  });

  test("api_keys and peer_credentials CASCADE with their account; the audit trail keeps its logical reference", () => {
    remove("member");
    expect([db.select().from(apiKeys).all(), db.select().from(peerCredentials).all()]).toEqual([[], []]);
    expect(db.select().from(auditLogs).get()?.credentialId).toBe("k1");
  });

  test("audit_logs.ownerId RESTRICT and audit_logs.orgId SET NULL", () => {
    expect(() => remove("actor")).toThrow(restricted);
    removeOrg();
    expect(db.select().from(auditLogs).get()).toMatchObject({ id: "a1", orgId: null, ownerId: "actor" });
  });

  test("projects RESTRICT their organization; secrets CASCADE with their project", () => {
    db.insert(projects)
      .values({ id: "p", orgId: "org", name: "P", slug: "p", limits: { eventsPerSecond: 5 } })
      .run();
    db.insert(projectSecrets)
      .values({ id: "s", projectId: "p", sealed: Buffer.from([1, 2]), keyId: "main" })
      .run();
    expect(() => removeOrg()).toThrow(restricted);
    expect(db.select().from(projects).get()).toMatchObject({
      signaturePolicy: "required",
      deletedAt: null,
      limits: { eventsPerSecond: 5 },
    });
    db.delete(projects).run();
    expect(db.select().from(projectSecrets).all()).toEqual([]);
    expect(removeOrg().changes).toBe(1);
  });

  test("unique: email, organization name and slug, membership, key hash, fingerprint, project slug within its organization", () => {
    const again: (() => unknown)[] = [
      () => db.insert(accounts).values({ id: "x", email: "owner@example.com" }).run(),
      () => db.insert(organizations).values({ id: "x", name: "Org", slug: "x", ownerId: "owner" }).run(),
      () => db.insert(organizations).values({ id: "x", name: "X", slug: "org", ownerId: "owner" }).run(),
      () => db.insert(organizationMembers).values({ id: "x", orgId: "org", accountId: "member", membershipLevel: "admin" }).run(),
      () => db.insert(apiKeys).values({ id: "x", ownerId: "owner", keyHash: "h1" }).run(),
      () =>
        db
          .insert(peerCredentials)
          .values({ id: "x", ownerId: "owner", credentialType: "ssh_key", fingerprint: "f1", publicKeyData: "" })
          .run(),
    ];
    for (const insert of again)
      expect(insert).toThrow(expect.objectContaining({ code: "constraint", details: expect.objectContaining({ kind: "unique" }) }));
    db.insert(organizations).values({ id: "o2", name: "Two", slug: "two", ownerId: "owner" }).run();
    const project = (id: string, orgId: string) => db.insert(projects).values({ id, orgId, name: id, slug: "same" }).run();
    project("p1", "org");
    project("p2", "o2");
    expect(() => project("p3", "org")).toThrow(restricted);
  });

  test("closed sets and JSON are checked by the file itself, extensible words are not", () => {
    const check = expect.objectContaining({ code: "constraint", details: expect.objectContaining({ kind: "check" }) });
    const broken = [
      "update accounts set access_level = 'root'",
      "update accounts set status = 'gone'",
      "update organization_members set membership_level = 'boss'",
      "update api_keys set enabled = 2",
      "update accounts set metadata = '{'",
      "update audit_logs set details = 'x'",
    ];
    for (const statement of broken) expect(() => db.session.core.driver.exec(statement), statement).toThrow(check);
    db.insert(auditLogs).values({ id: "a2", action: "org_created", ownerId: "actor", credentialType: "passkey" }).run();
    db.insert(peerCredentials).values({ id: "p2", ownerId: "owner", credentialType: "x509", fingerprint: "f2", publicKeyData: "" }).run();
  });

  test("defaults: stamps of now in whole seconds, empty metadata, enabled, user, active", () => {
    const row = db.get<{ type: string; metadata: string }>(
      sql`select typeof(created_at) as type, metadata from accounts where id = 'idle'`,
    );
    expect(row).toEqual({ type: "integer", metadata: "{}" });
    db.run(sql`insert into accounts (id, email) values ('raw', 'raw@example.com')`);
    const account = db.select().from(accounts).where(eq(accounts.id, "raw")).get()!;
    expect(account).toMatchObject({ metadata: {}, accessLevel: "user", status: "active", displayName: null });
    expect(Math.abs(account.createdAt.getTime() - Date.now())).toBeLessThan(10_000);
    expect(db.select().from(apiKeys).get()?.enabled).toBe(1);
  });

  test("keys of a project are found through an index", () => {
    db.insert(apiKeys)
      .values({ id: "k2", ownerId: "member", keyHash: "h2", metadata: { projectId: "p9", scopes: ["ingest"] } })
      .run();
    const where = sql`json_extract(metadata, '$.projectId') = ${"p9"}`;
    expect(
      db
        .select()
        .from(apiKeys)
        .where(where)
        .all()
        .map((key) => key.id),
    ).toEqual(["k2"]);
    const plan = db.session.core.driver
      .prepare("EXPLAIN QUERY PLAN SELECT * FROM api_keys WHERE json_extract(metadata, '$.projectId') = ?")
      .all(["p9"]);
    expect(JSON.stringify(plan)).toContain("idx_api_keys_project_id");
  });

  test("relations of the system database", async () => {
    const account = await db.query.accounts.findFirst({
      where: eq(accounts.id, "member"),
      with: { memberships: { with: { organization: { with: { owner: true } } } }, apiKeys: true, peerCredentials: true },
    });
    expect(account?.memberships[0]?.organization.owner.id).toBe("owner");
    expect([account?.apiKeys.length, account?.peerCredentials.length]).toEqual([1, 1]);
    expect((await db.query.organizations.findFirst({ with: { members: true, auditLogs: true, projects: true } }))?.auditLogs[0]?.id).toBe(
      "a1",
    );
  });
});

describe.each(engines)("tenant file on %s", (engine) => {
  let db: TenantDatabase;
  beforeEach(() => {
    db = createTenantDatabase(files.open(engine, "tenant-acme.db"));
    db.insert(graphTypes)
      .values({ id: "t", name: "call-graph", config: { type: "directed" } })
      .run();
    db.insert(nodeTypes).values({ id: "nt", graphTypeId: "t", name: "call", schema: {} }).run();
    db.insert(edgeTypes).values({ id: "et", graphTypeId: "t", name: "triggered", schema: {} }).run();
    db.insert(graphs).values({ id: "g", graphTypeId: "t", name: "G", ownerId: "account-elsewhere" }).run();
    db.insert(nodes)
      .values(["a", "b", "c"].map((key) => ({ id: key, graphId: "g", key, metadata: { "_graph.type": "call" } })))
      .run();
    db.insert(edges)
      .values([
        { id: "ab", graphId: "g", key: "ab", sourceNodeKey: "a", targetNodeKey: "b" },
        { id: "bc", graphId: "g", sourceNodeKey: "b", targetNodeKey: "c" },
      ])
      .run();
  });

  test("a deleted graph type takes its types with it and leaves its graphs without one", () => {
    db.delete(graphTypes).run();
    expect([db.select().from(nodeTypes).all(), db.select().from(edgeTypes).all()]).toEqual([[], []]);
    expect(db.select().from(graphs).get()).toMatchObject({ id: "g", graphTypeId: null, status: "draft" });
  });

  test("a deleted node takes its edges with it, a renamed one keeps them, a deleted graph takes everything", () => {
    db.update(nodes).set({ key: "B" }).where(eq(nodes.id, "b")).run();
    expect(db.select({ s: edges.sourceNodeKey, t: edges.targetNodeKey }).from(edges).orderBy(edges.id).all()).toEqual([
      { s: "a", t: "B" },
      { s: "B", t: "c" },
    ]);
    db.delete(nodes).where(eq(nodes.id, "a")).run();
    expect(
      db
        .select()
        .from(edges)
        .all()
        .map((edge) => edge.id),
    ).toEqual(["bc"]);
    db.delete(graphs).run();
    expect([db.select().from(nodes).all(), db.select().from(edges).all()]).toEqual([[], []]);
  });

  test("edges need both nodes, keys are unique in their graph, anonymous edges are many", () => {
    expect(() => db.insert(edges).values({ id: "x", graphId: "g", sourceNodeKey: "a", targetNodeKey: "nobody" }).run()).toThrow(restricted);
    expect(() => db.insert(edges).values({ id: "x", graphId: "g", key: "ab", sourceNodeKey: "a", targetNodeKey: "b" }).run()).toThrow(
      restricted,
    );
    expect(() => db.insert(nodes).values({ id: "x", graphId: "g", key: "a" }).run()).toThrow(restricted);
    db.insert(edges)
      .values([1, 2].map((n) => ({ id: `n${n}`, graphId: "g", sourceNodeKey: "a", targetNodeKey: "b" })))
      .run();
    expect(db.select().from(edges).where(eq(edges.id, "n1")).get()).toMatchObject({ key: null, undirected: false, attributes: {} });
  });

  test("walks and type lookups use their indexes", () => {
    const plan = (query: string) => JSON.stringify(db.session.core.driver.prepare(`EXPLAIN QUERY PLAN ${query}`).all());
    expect(plan("SELECT target_node_key FROM edges WHERE graph_id = 'g' AND source_node_key = 'a'")).toContain("idx_edges_source");
    expect(plan("SELECT source_node_key FROM edges WHERE graph_id = 'g' AND target_node_key = 'a'")).toContain("idx_edges_target");
    expect(plan(`SELECT key FROM nodes WHERE graph_id = 'g' AND json_extract(metadata, '$."_graph.type"') = 'call'`)).toContain(
      "idx_nodes_graph_type",
    );
  });

  test("closed sets, configuration and relations", async () => {
    expect(() => db.run(sql`update graphs set status = 'lost'`)).toThrow();
    expect(() => db.run(sql`update graph_types set scope = 'world'`)).toThrow();
    const graph = await db.query.graphs.findFirst({
      with: {
        graphType: { with: { nodeTypes: true } },
        nodes: { with: { outgoingEdges: true, incomingEdges: { with: { sourceNode: true } } } },
      },
    });
    expect(graph?.graphType?.nodeTypes[0]?.name).toBe("call");
    expect(graph?.nodes.find((node) => node.key === "b")).toMatchObject({
      outgoingEdges: [{ id: "bc" }],
      incomingEdges: [{ id: "ab", sourceNode: { key: "a" } }],
    });
  });
});

test("a key is active, expired, disabled, revoked or rotated, and only an active one is usable", () => {
  const now = new Date(1_000_000);
  const before = new Date(999_999);
  const after = new Date(1_000_001);
  const active: CredentialState = { enabled: 1, expiresAt: null, revokedAt: null, rotatedToId: null };
  const cases: [CredentialState, string][] = [
    [active, "active"],
    [{ ...active, expiresAt: after }, "active"],
    [{ ...active, expiresAt: now }, "expired"],
    [{ ...active, expiresAt: before }, "expired"],
    [{ ...active, enabled: 0 }, "disabled"],
    [{ ...active, enabled: 0, expiresAt: before }, "disabled"],
    [{ ...active, enabled: 0, expiresAt: after }, "disabled"],
    [{ ...active, revokedAt: before }, "revoked"],
    [{ ...active, revokedAt: after }, "revoked"],
    [{ ...active, revokedAt: before, enabled: 0, expiresAt: before }, "revoked"],
    [{ ...active, revokedAt: before, rotatedToId: "next" }, "rotated"],
    [{ ...active, rotatedToId: "next", expiresAt: after }, "active"],
    [{ ...active, rotatedToId: "next", expiresAt: before }, "rotated"],
    [{ enabled: 1, expiresAt: null, revokedAt: null }, "active"],
  ];
  for (const [state, status] of cases)
    expect([credentialStatus(state, now), isUsable(state, now)], JSON.stringify(state)).toEqual([status, status === "active"]);
  expect(isUsable({ ...active, expiresAt: new Date(Date.now() + 60_000) })).toBe(true);
});
