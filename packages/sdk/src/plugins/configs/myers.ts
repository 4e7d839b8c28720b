// The shortest way from one list of lines to another. Source: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986.

/** `old[oldAt, oldEnd)` is replaced by `new[newAt, newEnd)`; one of the two may be empty. */
export interface Change {
  readonly oldAt: number;
  readonly oldEnd: number;
  readonly newAt: number;
  readonly newEnd: number;
}

/** Differences beyond this many are given as one change: correct, only longer than need be. Memory grows with its square. */
const maxEdits = 1_500;

/** Changes in order. Lines are compared by value. */
export function diffLines(before: readonly string[], after: readonly string[]): readonly Change[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let oldEnd = before.length;
  let newEnd = after.length;
  while (oldEnd > start && newEnd > start && before[oldEnd - 1] === after[newEnd - 1]) {
    oldEnd -= 1;
    newEnd -= 1;
  }
  if (start === oldEnd && start === newEnd) return [];
  const whole = [{ oldAt: start, oldEnd, newAt: start, newEnd }];
  if (start === oldEnd || start === newEnd) return whole;
  const path = shortestEdit(before.slice(start, oldEnd), after.slice(start, newEnd));
  return path === undefined ? whole : toChanges(path, start);
}

/** One inserted or removed line, at a position in both lists. */
interface Edit {
  readonly isInsert: boolean;
  readonly oldAt: number;
  readonly newAt: number;
}

function shortestEdit(before: readonly string[], after: readonly string[]): readonly Edit[] | undefined {
  const limit = Math.min(before.length + after.length, maxEdits);
  const size = 2 * limit + 3;
  const middle = limit + 1;
  // furthest[k]: how far down the old list the diagonal k has come.
  const furthest = new Int32Array(size);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= limit; edits += 1) {
    trace.push(furthest.slice(middle - edits - 1, middle + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const isInsert = k === -edits || (k !== edits && at(furthest, middle + k - 1) < at(furthest, middle + k + 1));
      let x = isInsert ? at(furthest, middle + k + 1) : at(furthest, middle + k - 1) + 1;
      let y = x - k;
      while (x < before.length && y < after.length && before[x] === after[y]) {
        x += 1;
        y += 1;
      }
      furthest[middle + k] = x;
      if (x >= before.length && y >= after.length) return backtrack(trace, before.length, after.length);
    }
  }
  return undefined;
}

function backtrack(trace: readonly Int32Array[], oldLength: number, newLength: number): readonly Edit[] {
  const edits: Edit[] = [];
  let x = oldLength;
  let y = newLength;
  for (let depth = trace.length - 1; depth > 0; depth -= 1) {
    // The window of this depth starts at diagonal -(depth + 1).
    const window = trace[depth] as Int32Array;
    const offset = depth + 1;
    const k = x - y;
    const isInsert = k === -depth || (k !== depth && at(window, offset + k - 1) < at(window, offset + k + 1));
    const previousK = isInsert ? k + 1 : k - 1;
    x = at(window, offset + previousK);
    y = x - previousK;
    edits.push({ isInsert, oldAt: x, newAt: y });
  }
  return edits.reverse();
}

function at(values: Int32Array, index: number): number {
  return values[index] as number;
}

/** Neighbouring edits become one change. */
function toChanges(edits: readonly Edit[], start: number): readonly Change[] {
  const changes: { oldAt: number; oldEnd: number; newAt: number; newEnd: number }[] = [];
  for (const { isInsert, oldAt, newAt } of edits) {
    const last = changes.at(-1);
    const change =
      last !== undefined && last.oldEnd === start + oldAt && last.newEnd === start + newAt
        ? last
        : { oldAt: start + oldAt, oldEnd: start + oldAt, newAt: start + newAt, newEnd: start + newAt };
    if (change !== last) changes.push(change);
    if (isInsert) change.newEnd += 1;
    else change.oldEnd += 1;
  }
  return changes;
}
