import { describe, expect, test } from "vitest";
import { audit } from "../audit/audit.ts";
import { logs } from "../logs/logs.ts";
import { performance } from "../performance/performance.ts";
import { repository } from "../repository/repository.ts";

const modules = { audit, logs, performance, repository } as Readonly<Record<string, (options?: never) => { readonly name: string }>>;

function told(make: () => unknown): string {
  try {
    make();
    return "accepted";
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

describe.each(Object.entries(modules))("options of %s", (name, make) => {
  const given = (options: unknown): string => told(() => make(options as never));

  test("that are unknown are refused with the names there are", () => {
    expect(given({ retentionDay: 1 })).toMatch(
      new RegExp(`^unknown_option: Unknown option "retentionDay" of ${name}\\(\\); expected one of retentionDays`),
    );
    expect(given({ RetentionDays: undefined })).toMatch(/^unknown_option/);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, "3", null, true, [30], Object.create(null)])(
    "retentionDays: %j is refused",
    (days) => {
      expect(given({ retentionDays: days })).toMatch(
        /^invalid_option: Expected retentionDays of \w+\(\) to be a number of days from 0 \(0 keeps for ever\), got /,
      );
    },
  );

  test.each([null, "30", 30, [], () => 1])("that are no object (%j) are refused", (options) => {
    expect(given(options)).toMatch(new RegExp(`^invalid_option: Expected ${name}\\(\\{ retentionDays`));
  });

  test.each([undefined, {}, { retentionDays: undefined }, { retentionDays: 0 }, { retentionDays: 1.5 }])("%j is fine", (options) => {
    expect(given(options)).toBe("accepted");
  });
});

describe("options of logs alone", () => {
  test.each([
    [{ serch: true }, /^unknown_option: .*"serch".*retentionDays, retentionDaysByLevel, search$/],
    [{ search: "yes" }, /^invalid_option: Expected search of logs\(\) to be true or false, got yes/],
    [{ search: null }, /^invalid_option: Expected search/],
    [{ retentionDaysByLevel: { loud: 1 } }, /^invalid_option: .*trace, debug, info, warn, error, fatal, got loud/],
    [{ retentionDaysByLevel: { debug: "1" } }, /^invalid_option: Expected retentionDaysByLevel.debug of logs\(\) to be a number/],
    [{ retentionDaysByLevel: { debug: -1 } }, /^invalid_option: Expected retentionDaysByLevel.debug/],
    [{ retentionDaysByLevel: 5 }, /^invalid_option: Expected retentionDaysByLevel of logs\(\) to be an object/],
    [{ retentionDaysByLevel: null }, /^invalid_option: Expected retentionDaysByLevel/],
    [{ retentionDaysByLevel: [1] }, /^invalid_option: Expected retentionDaysByLevel/],
    [{ search: true, retentionDays: 0, retentionDaysByLevel: { debug: 0, error: undefined } }, /^accepted/],
  ])("%j", (options, expected) => {
    expect(told(() => logs(options as never))).toMatch(expected);
  });
});
