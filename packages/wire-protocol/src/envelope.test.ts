// The envelope: what is a batch, and what is not, by its bytes.
import { Value } from "@sinclair/typebox/value";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCuittyError } from "./cuitty-error.ts";
import { envelopeSchema, parseEnvelope, replySchema } from "./envelope.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const codeOf = (body: Uint8Array, maxEvents?: number): string => {
  try {
    parseEnvelope(body, maxEvents);
    return "none";
  } catch (error) {
    return isCuittyError(error) ? error.code : "not ours";
  }
};

describe("parseEnvelope", () => {
  test("gives the events, whatever they are", () => {
    expect(parseEnvelope(bytes('{"events":[1,null,{"a":1}],"other":2}'))).toEqual([1, null, { a: 1 }]);
    expect(parseEnvelope(bytes('{"events":[]}'))).toEqual([]);
    expect(parseEnvelope(bytes('\uFEFF{"events":[]}'))).toEqual([]);
  });

  test.each(["", " ", "{", "{'events':[]}", '{"events":[1,]}', "events", "NaN"])("%j is not JSON", (text) => {
    expect(codeOf(bytes(text))).toBe("invalid_json");
  });

  test.each(["{}", "[]", "null", "5", '"events"', '{"events":{}}', '{"events":null}', '{"Events":[]}', '[{"events":[]}]'])(
    "%s has no list of events",
    (text) => {
      expect(codeOf(bytes(text))).toBe("invalid_envelope");
    },
  );

  test.each([[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90, 0x80, 0x80]])("bytes %j are not UTF-8", (...raw) => {
    const body = Uint8Array.from([...bytes('{"events":["'), ...raw, ...bytes('"]}')]);
    expect(codeOf(body)).toBe("invalid_utf8");
  });

  test("counts the events", () => {
    const body = bytes(`{"events":[${new Array(11).fill("1").join(",")}]}`);
    expect(codeOf(body, 10)).toBe("too_many_events");
    expect(codeOf(body, 11)).toBe("none");
    expect(codeOf(bytes(`{"events":[${new Array(10_001).fill("1").join(",")}]}`))).toBe("too_many_events");
  });

  test("counts objects and lists, but not the brackets of texts, before the engine makes them", () => {
    const many = 250_001;
    for (const body of [`{"events":[${"[".repeat(many)}${"]".repeat(many)}]}`, `{"events":[[${"{},".repeat(many)}1]]}`])
      expect(codeOf(bytes(body))).toBe("batch_too_large");
    expect(codeOf(bytes("[".repeat(5_000_000)))).toBe("invalid_json");
    const text = `${"[".repeat(2 * many)}"\\${"{".repeat(many)}`;
    expect(codeOf(bytes(JSON.stringify({ events: [text] })))).toBe("none");
    expect(codeOf(bytes(`{"events":[[${"{},".repeat(200_000)}1]]}`))).toBe("none");
  });

  test("never repeats the input in an error", () => {
    for (const text of ["hunter2", '{"events":"hunter2"}']) {
      expect(() => parseEnvelope(bytes(text))).not.toThrow(/hunter2/);
      expect(() => parseEnvelope(bytes(text))).toThrow();
    }
  });

  test("throws nothing but its own errors on any bytes", () => {
    const near = fc.json().map((text) => bytes(`{"events":${text}}`));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), near), (body) => codeOf(body) !== "not ours"),
      { numRuns: 3_000 },
    );
  });
});

test("the documented body and replies follow the schemas", () => {
  expect(Value.Check(envelopeSchema, { events: [{}] })).toBe(true);
  for (const reply of [
    { accepted: 1, rejected: [] },
    { accepted: 2, rejected: [{ index: 1, reason: "data.actor: required" }] },
    { accepted: 0, rejected: [{ index: 0, reason: "type: unknown", code: "unknown_type" }], duplicate: 3 },
  ]) {
    expect(Value.Check(replySchema, reply)).toBe(true);
  }
});
