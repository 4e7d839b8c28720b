import { describe, expect, test } from "vitest";
import { subjectOf } from "./test-tools/stream-server.ts";
import { createStreamTickets } from "./tickets.ts";

const holder = { subject: subjectOf("p1"), projectId: "p1" };
const at = (ticket: string, cookie: string | null = null) => ({ ticket, cookie, path: "/api/stream", isHttps: false });
const cookieOf = (setCookie: string | undefined): string => setCookie?.split(";")[0] ?? "";

function setUp() {
  let nowMs = 1_000_000;
  const secret = new Uint8Array(32).fill(7);
  const clock = (): number => nowMs;
  const later = (ms: number): void => {
    nowMs += ms;
  };
  return { tickets: createStreamTickets({ clock, secret }), later, clock, secret };
}

describe("stream tickets", () => {
  test("a ticket opens once; its cookie then opens again and again, also after a restart", () => {
    const { tickets, later, clock, secret } = setUp();
    const { ticket, expiresAt } = tickets.issue(holder);
    expect(expiresAt).toBe(new Date(1_030_000).toISOString());
    const first = tickets.redeem(at(ticket));
    expect(first?.holder).toEqual(holder);
    expect(first?.setCookie()).toMatch(
      /^cuitty_stream_[0-9a-f]{24}=[\w-]+\.[\w-]+; Path=\/api\/stream; Max-Age=86400; HttpOnly; SameSite=Strict$/,
    );
    expect(tickets.redeem(at(ticket))).toBeNull();
    later(3_600_000);
    const restarted = createStreamTickets({ clock, secret });
    const second = restarted.redeem(at(ticket, `other=1; ${cookieOf(first?.setCookie())}`));
    expect(second?.holder).toEqual(holder);
    const renewed = cookieOf(second?.setCookie());
    later(86_300_000);
    expect(restarted.redeem(at(ticket, renewed))?.holder).toEqual(holder);
    later(86_400_001);
    expect(restarted.redeem(at(ticket, renewed))).toBeNull();
  });

  test("a ticket is good for 30 seconds", () => {
    const { tickets, later } = setUp();
    const { ticket } = tickets.issue(holder);
    later(30_000);
    expect(tickets.redeem(at(ticket))).toBeNull();
  });

  test("the cookie of another ticket, a changed one and one of another server open nothing", () => {
    const { tickets, clock } = setUp();
    const [one, two] = [tickets.issue(holder), tickets.issue({ ...holder, projectId: "p2" })];
    const cookie = cookieOf(tickets.redeem(at(one.ticket))?.setCookie());
    expect(tickets.redeem(at(two.ticket))?.holder.projectId).toBe("p2");
    expect(tickets.redeem(at(two.ticket, cookie))).toBeNull();
    expect(createStreamTickets({ clock }).redeem(at(one.ticket, cookie))).toBeNull();
    for (let index = cookie.indexOf("=") + 1; index < cookie.length - 1; index += 3) {
      const changed = `${cookie.slice(0, index)}${cookie[index] === "A" ? "B" : "A"}${cookie.slice(index + 1)}`;
      expect(tickets.redeem(at(one.ticket, changed))).toBeNull();
    }
  });

  test("with the asking request as proof, the cookie ends when the first one would have, and the question is kept that long", async () => {
    const { tickets, later, clock, secret } = setUp();
    const { ticket } = tickets.issue({ ...holder, proof: "request" }, async () => holder.subject);
    const first = tickets.redeem(at(ticket));
    const cookie = cookieOf(first?.setCookie());
    later(86_300_000);
    const second = tickets.redeem(at(ticket, cookie));
    expect(await second?.askAgain?.()).toEqual(holder.subject);
    const renewed = second?.setCookie() ?? "";
    expect(renewed).toMatch(/; Max-Age=100;/);
    expect(createStreamTickets({ clock, secret }).redeem(at(ticket, cookieOf(renewed)))?.askAgain).toBeNull();
    later(100_000);
    expect(tickets.redeem(at(ticket, cookieOf(renewed)))).toBeNull();
  });

  test("with the session as proof, the cookie says so and is renewed", () => {
    const { tickets, later } = setUp();
    const { ticket } = tickets.issue({ ...holder, proof: "request" }, async () => holder.subject);
    const cookie = cookieOf(tickets.redeem(at(ticket))?.setCookie("session"));
    later(86_300_000);
    const again = tickets.redeem(at(ticket, cookie));
    expect([again?.holder.proof, again?.askAgain]).toEqual(["session", null]);
    expect(again?.setCookie()).toMatch(/; Max-Age=86400;/);
  });

  test("over HTTPS the cookie is Secure", () => {
    const { tickets } = setUp();
    expect(tickets.redeem({ ...at(tickets.issue(holder).ticket), isHttps: true })?.setCookie()).toMatch(/; Secure$/);
  });

  test("a project that asks for ever more leaves the others theirs", () => {
    const { tickets } = setUp();
    const issued = Array.from({ length: 1_000 }, () => tickets.issue(holder).ticket);
    expect(() => tickets.issue(holder)).toThrow(expect.objectContaining({ code: "overloaded" }));
    expect(tickets.issue({ ...holder, projectId: "another" }).ticket).toMatch(/^[\w-]{43}$/);
    expect(tickets.redeem(at(issued[0] as string))).not.toBeNull();
    expect(tickets.issue(holder).ticket).toMatch(/^[\w-]{43}$/);
  });

  test("a clock that is put back lets no ticket outlive its time nor keep others out; a step of a second harms none", () => {
    const { tickets, later } = setUp();
    const { ticket } = tickets.issue(holder);
    later(-1_000);
    expect(tickets.redeem(at(ticket))).not.toBeNull();
    const old = tickets.issue(holder).ticket;
    for (let index = 1; index < 1_000; index++) tickets.issue(holder);
    later(-600_000);
    expect(tickets.redeem(at(old))).toBeNull();
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 1_000; index++) tickets.issue(holder);
      later(30_000);
    }
  });

  test("unused tickets are bounded, and make room when they expire", () => {
    const { tickets, later } = setUp();
    const ofProject = (index: number) => ({ ...holder, projectId: `project ${index % 10}` });
    for (let index = 0; index < 10_000; index++) tickets.issue(ofProject(index));
    expect(() => tickets.issue(holder)).toThrow(expect.objectContaining({ code: "overloaded" }));
    later(30_000);
    expect(tickets.issue(holder).ticket).toMatch(/^[\w-]{43}$/);
  });
});
