// Routes of a module of one's own: what a URL and a direct call give, as the values that the schemas have.
import { defineModule, defineRoute, type Route, type Subject } from "@cuitty/server-kit";
import { type TestKit, testKit } from "@cuitty/server-kit/testing";
import { type TSchema, Type } from "@sinclair/typebox";
import { afterEach, describe, expect, test } from "vitest";

const opened: TestKit[] = [];
afterEach(async () => {
  for (const kit of opened.splice(0)) await kit.close();
});

const routeOf = (change: Partial<Route>) =>
  defineRoute({
    method: "GET",
    path: "/x",
    operationId: "x",
    summary: "What it was given",
    action: "read",
    reply: Type.Any(),
    handle: async ({ params, query }) => ({ params, query: query ?? null }),
    ...change,
  });

const notesWith = (...routes: readonly Route[]) =>
  defineModule({ name: "notes", accepts: {}, migrations: [], retention: [], ingest: () => ({ statements: [] }), routes });

async function start(...routes: readonly Route[]): Promise<TestKit> {
  const kit = await testKit({ modules: [notesWith(...routes)] });
  opened.push(kit);
  return kit;
}

interface Given {
  readonly query: Record<string, unknown>;
  readonly params: Record<string, unknown>;
}

async function asked(kit: TestKit, path: string): Promise<Given | string> {
  const { status, body } = await kit.get(`/api/modules/notes${path}`);
  return status === 200 ? (body as Given) : `${status} ${(body as { detail: string }).detail}`;
}

describe("a query", () => {
  const numbers = Type.Object({
    number: Type.Optional(Type.Number()),
    integer: Type.Optional(Type.Integer()),
    list: Type.Optional(Type.Array(Type.Integer())),
    nullable: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
    one: Type.Optional(Type.Union([Type.Literal(1), Type.Literal("two")])),
    is: Type.Optional(Type.Boolean()),
    text: Type.Optional(Type.Union([Type.Integer(), Type.String()])),
  });

  test("has numbers as JSON spells them, alone, in lists and in unions", async () => {
    const kit = await start(routeOf({ query: numbers }));
    for (const [search, query] of [
      ["number=-1.5e3", { number: -1500 }],
      ["integer=-42", { integer: -42 }],
      ["list=1,2&list=3", { list: [1, 2, 3] }],
      ["nullable=7", { nullable: 7 }],
      ["nullable=null", { nullable: null }],
      ["one=1", { one: 1 }],
      ["one=two", { one: "two" }],
      ["is=true", { is: true }],
      ["text=5", { text: "5" }],
    ] as const) {
      expect(await asked(kit, `/x?${search}`), search).toMatchObject({ query });
    }
  });

  test("with other spellings, or a name twice, is refused", async () => {
    const kit = await start(routeOf({ query: numbers }));
    const spellings = {
      number: ["0x10", "true", "", "%201", "1_0", "%2B1", ".5", "1.", "007", "1e999", "NaN", "Infinity", "1n"],
      integer: ["1.5", "true", "1e3", "9007199254740993", "0x10"],
      list: ["1.5,true", "1,,2", "0x10", ""],
      nullable: ["1.5", "true", ""],
      one: ["1.0", "true"],
      is: ["yes", ""],
    };
    for (const [name, texts] of Object.entries(spellings)) {
      for (const text of texts) expect(await asked(kit, `/x?${name}=${text}`), `${name}=${text}`).toMatch(`400 query.${name}`);
    }
    expect(await asked(kit, "/x?number=1&number=2")).toBe("400 query.number: expected it once, got it 2 times");
  });

  const a = Type.Object({ a: Type.String(), both: Type.Optional(Type.Integer({ minimum: 1 })) });
  const b = Type.Object({ b: Type.Integer({ default: 3 }), both: Type.Optional(Type.Integer({ maximum: 9 })) });
  test.each<[string, TSchema, string, object, object]>([
    ["an intersection", Type.Intersect([a, b]), "a=1&b=2&both=5", { a: "1", b: 2, both: 5 }, { a: true, b: true, both: false }],
    ["an intersection, with its default", Type.Intersect([a, b]), "a=1", { a: "1", b: 3 }, { a: true, b: true, both: false }],
    ["a union", Type.Union([a, b]), "b=2", { b: 2 }, { a: false, b: false, both: false }],
  ])("may be %s, whose names are documented", async (_kind, query, search, values, required) => {
    const kit = await start(routeOf({ query }));
    expect(await asked(kit, `/x?${search}`)).toMatchObject({ query: values });
    const { paths } = kit.kit.openapi() as {
      paths: Record<string, { get: { parameters: { name: string; in: string; required: boolean }[] } }>;
    };
    const parameters = paths["/api/modules/notes/x"]?.get.parameters ?? [];
    expect(Object.fromEntries(parameters.map(({ name, required }) => [name, required]))).toEqual(required);
  });

  test.each([Type.Any(), Type.Record(Type.String(), Type.String()), Type.String(), Type.Union([a, Type.Null()])])(
    "that has no names is told when the module is made: %j",
    (query) => {
      expect(() => notesWith(routeOf({ query }))).toThrow(/entry 0 in routes of module notes: expected query: an object schema/);
      expect(() => notesWith(routeOf({ params: query }))).toThrow(/expected params: an object schema/);
    },
  );
});

describe("a path", () => {
  test("gives its parameters as the types they have", async () => {
    const kit = await start(routeOf({ path: "/n/{seq}/{on}/{name}", params: Type.Object({ seq: Type.Integer(), on: Type.Boolean() }) }));
    expect(await asked(kit, "/n/5/true/12")).toEqual({ params: { seq: 5, on: true, name: "12" }, query: null });
    for (const seq of ["05", "1.5", "0x5", "five"]) expect(await asked(kit, `/n/${seq}/true/a`)).toBe("400 params.seq: Expected integer");
  });
});

async function direct(route: Route) {
  const test = await start(route);
  const { projectId } = test.credentials;
  const organizationId = test.kit.identity.projects.get(projectId)?.organizationId ?? "";
  const me: Subject = { id: "me", kind: "user", projectId, organizationId, scopes: ["read"] };
  const api = test.kit.api as unknown as Record<string, Record<string, (subject: Subject, input?: object) => Promise<Given>>>;
  const call = (subject: Subject, input?: object) => api.notes?.x?.(subject, input);
  return { me, call, projectId };
}

describe("a body", () => {
  const body = Type.Object({
    title: Type.String({ default: "Untitled" }),
    options: Type.Object({ isPinned: Type.Boolean({ default: false }) }, { default: {} }),
  });
  const route = routeOf({ method: "POST", body, handle: async ({ body }) => ({ body }) as never });

  test("has the defaults of its schema at any depth, and is refused where they do not help", async () => {
    const { kit, credentials } = await start(route);
    const post = async (given: unknown) => {
      const headers = { authorization: `Bearer ${credentials.apiKey}`, "content-type": "application/json" };
      const request = new Request("http://kit.invalid/api/modules/notes/x", { method: "POST", headers, body: JSON.stringify(given) });
      const reply = (await (await kit.fetch(request)).json()) as { body?: unknown; code?: string };
      return reply.body ?? reply.code;
    };
    expect(await post({})).toEqual({ title: "Untitled", options: { isPinned: false } });
    expect(await post({ title: "Mine", options: { isPinned: true } })).toEqual({ title: "Mine", options: { isPinned: true } });
    expect([await post({ title: 5 }), await post([]), await post(null)]).toEqual(Array(3).fill("invalid_request"));
  });

  test("of a direct call has them too, and stays as it was", async () => {
    const { me, call } = await direct(route);
    const given = { options: {} };
    expect(await call(me, { body: given })).toEqual({ body: { title: "Untitled", options: { isPinned: false } } });
    expect(given).toEqual({ options: {} });
    await expect(call(me, { body: { title: () => 1 } })).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("a direct call", () => {
  test("has the defaults that a request has, and what it gave stays as it was", async () => {
    const { me, call } = await direct(
      routeOf({ query: Type.Object({ limit: Type.Integer({ default: 10 }), q: Type.Optional(Type.String()) }) }),
    );
    const query = { q: "x" };
    expect((await call(me, { query }))?.query).toEqual({ limit: 10, q: "x" });
    expect(query).toEqual({ q: "x" });
    expect((await call(me))?.query).toEqual({ limit: 10 });
  });

  test("gives values and not texts", async () => {
    const { me, call } = await direct(routeOf({ path: "/{seq}", params: Type.Object({ seq: Type.Integer() }) }));
    expect((await call(me, { params: { seq: 5 } }))?.params).toEqual({ seq: 5 });
    await expect(call(me, { params: { seq: "5" } })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("for a subject without a project names one by projectId", async () => {
    const { me, call, projectId } = await direct(routeOf({}));
    await expect(call({ ...me, projectId: null })).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringMatching(/projectId/),
    });
    expect(await call({ ...me, projectId: null }, { projectId })).toMatchObject({ query: null });
  });
});
