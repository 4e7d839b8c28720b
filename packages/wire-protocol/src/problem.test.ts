// Problems, error codes and statuses tell one story.
import { describe, expect, test } from "vitest";
import { CuittyError } from "./cuitty-error.ts";
import { ERROR_CODES, isErrorCode } from "./error-codes.ts";
import { errorOfProblem, problemOf } from "./problem.ts";
import { isRetryableStatus, WIRE_STATUSES } from "./status.ts";

describe("problemOf", () => {
  test("carries code, status and message of a known error", () => {
    const error = new CuittyError("signature_mismatch", "X-Cuitty-Signature does not match the body");
    expect(problemOf(error, { requestId: "r1", errors: [{ path: "x", reason: "required" }] })).toEqual({
      type: "https://cuitty.com/problems/signature-mismatch",
      title: "Signature does not match",
      status: 403,
      detail: "X-Cuitty-Signature does not match the body",
      code: "signature_mismatch",
      retryable: false,
      instance: "r1",
      errors: [{ path: "x", reason: "required" }],
    });
  });

  test.each([new Error("password=hunter2"), new CuittyError("something_private", "password=hunter2"), "password=hunter2", undefined])(
    "says nothing of an unexpected failure (%s)",
    (error) => {
      expect(JSON.stringify(problemOf(error))).not.toContain("hunter2");
      expect(problemOf(error)).toMatchObject({ status: 500, code: "internal" });
    },
  );

  test("an inherited name is not a code", () => {
    expect(problemOf(new CuittyError("constructor", "x")).code).toBe("internal");
    expect(isErrorCode("toString")).toBe(false);
  });

  test("extensions cannot replace the standard members", () => {
    const problem = problemOf(new CuittyError("rate_limited", "slow down"), {
      extensions: { status: 200, "violated-policies": ["events"] },
    });
    expect(problem).toMatchObject({ status: 429, retryable: true, "violated-policies": ["events"] });
  });

  test("a 5xx that the kit foresaw keeps its message, which its author wrote for clients", () => {
    expect(problemOf(new CuittyError("overloaded", "Try again in 2 s"))).toMatchObject({
      status: 503,
      detail: "Try again in 2 s",
      retryable: true,
    });
  });
});

test("a mistake of the host names its cure", () => {
  const problem = problemOf(new CuittyError("body_already_consumed", "Mount the kit before express.json()"));
  expect(problem).toMatchObject({ status: 500, detail: "Mount the kit before express.json()", retryable: false });
});

describe("errorOfProblem", () => {
  test("is the inverse for clients", () => {
    const problem = problemOf(new CuittyError("rate_limited", "slow down"));
    expect(errorOfProblem(problem, 429)).toMatchObject({ code: "rate_limited", message: "slow down", retryable: true });
  });

  test.each([null, "<html>", 5, [], {}])("makes something of %j", (body) => {
    expect(errorOfProblem(body, 502)).toMatchObject({ code: "http_502", retryable: true });
  });
});

test("codes are snake_case and their statuses are real", () => {
  for (const [code, { status, title }] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[a-z]+(_[a-z0-9]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(title).not.toBe("");
  }
});

test("the status table and the retry rule agree", () => {
  expect(WIRE_STATUSES.map(({ status }) => status)).toEqual([200, 400, 401, 403, 408, 409, 413, 415, 422, 429, 503]);
  for (const { status, retry } of WIRE_STATUSES) expect(isRetryableStatus(status), String(status)).toBe(retry);
  expect(isRetryableStatus(500)).toBe(true);
  expect(isRetryableStatus(502)).toBe(true);
  expect(isRetryableStatus(404)).toBe(false);
});
