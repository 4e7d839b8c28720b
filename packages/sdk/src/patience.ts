// What a spool does not answer must not stop the sending.
import type { Core } from "./core.ts";
import { later } from "./timer.ts";

/** A spool that takes longer to answer is gone on without. Units: ms. */
const patienceMs = 3_000;

/** Settles as `work` does or, after some seconds, with undefined. */
export function inTime<Value>(work: Value | Promise<Value>, onLate: () => void): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const timer = later(() => {
      onLate();
      resolve(undefined);
    }, patienceMs);
    Promise.resolve(work)
      .then(resolve, reject)
      .then(() => clearTimeout(timer));
  });
}

/** Counts the questions that a spool should have answered by now. */
export function createPatience({ stats, state }: Core) {
  let overdue = 0;
  return {
    /** True while there are any: nothing more is asked then. */
    isOut: (): boolean => overdue > 0,
    /** Settles as the answer does or, after some seconds, with undefined. With the last late answer the spool is used again. */
    wait<Value>(answer: Promise<Value>): Promise<Value | undefined> {
      let isLate = false;
      const answered = (): void => {
        if (isLate && !--overdue) state.engine?.touch();
      };
      answer.then(answered, answered);
      return inTime(answer, () => {
        isLate = true;
        overdue++;
        stats.log("the spool does not answer", true);
      });
    },
  };
}
