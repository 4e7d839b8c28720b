// Stage: checks every event by itself, so that a bad one never fails its neighbours.

import { CuittyError } from "@cuitty/wire-protocol";
import { type AcceptedEvent, createEventChecker } from "@cuitty/wire-protocol/check-event";
import { EVENT_SCHEMAS } from "@cuitty/wire-protocol/events";
import type { TSchema } from "@sinclair/typebox";
import { type Clock, type RandomBytes, systemClock, systemRandom } from "../clock.ts";
import { uuidV7Maker } from "../ids.ts";
import type { CuittyModule, ValidEvent } from "../module.ts";
import type { RejectedEvent, Stage } from "./stage.ts";

export interface ValidateOptions {
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  /** Whether schemas may be compiled with `new Function`. @default true */
  readonly canCompile?: boolean | undefined;
}

const aheadMs = 5 * 60 * 1000;
const behindMs = 7 * 24 * 60 * 60 * 1000;

/** Uses `events`, fills `batch`. An event of a documented type whose module is not among `modules` is rejected with `type_not_enabled`. */
export function validate(modules: readonly Pick<CuittyModule, "accepts">[], options: ValidateOptions = {}): Stage {
  const enabled = new Map<string, TSchema>(modules.flatMap(({ accepts }) => Object.entries(accepts)));
  const schemas: Record<string, TSchema> = Object.assign(Object.create(null), EVENT_SCHEMAS, Object.fromEntries(enabled));
  const check = createEventChecker<string>({
    schemas,
    ...(options.canCompile === undefined ? undefined : { canCompile: options.canCompile }),
  });
  const makeId = uuidV7Maker(options.clock ?? systemClock, options.random ?? systemRandom);
  return (context) => {
    const { events, receivedAtMs } = context;
    if (events === null) throw new CuittyError("internal", "validate must come after decodeBody");
    const valid: ValidEvent[] = [];
    const rejected: RejectedEvent[] = [];
    for (let index = 0; index < events.length; index += 1) {
      const checked = check(events[index]);
      if (!checked.ok) rejected.push({ index, reason: checked.reason, code: checked.code });
      else if (!enabled.has(checked.type)) rejected.push(notEnabled(index, checked.type));
      else valid.push(validEvent(index, checked, receivedAtMs, makeId));
    }
    context.batch = { valid, rejected };
  };
}

function validEvent(index: number, event: AcceptedEvent<string>, receivedAtMs: number, makeId: () => string): ValidEvent {
  const { type, ts, tsMs, data, meta } = event;
  const isSkewed = tsMs > receivedAtMs + aheadMs || tsMs < receivedAtMs - behindMs;
  return { index, id: event.id ?? makeId(), type, ts, tsMs, data, meta, receivedAtMs, isSkewed };
}

function notEnabled(index: number, type: string): RejectedEvent {
  return { index, reason: `type: ${type} is not enabled here`, code: "type_not_enabled" };
}
