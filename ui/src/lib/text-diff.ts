/** A part of a sequence that another takes the place of. */
export interface Splice {
  /** Where it begins in the first sequence. */
  at: number;
  /** How many of the first go. */
  remove: number;
  /** Where what comes begins in the second sequence, and how much it is. */
  from: number;
  insert: number;
}

/** Beyond so many differences the middle counts as one: nobody reads them singly. */
const DIFFERENCES_MAX = 1_000;

/**
 * The shortest way from one sequence to another (Myers' greedy search). What both begin and end with
 * is set aside first, so that typing in a long text costs nothing.
 */
export function splices<T>(a: ArrayLike<T>, b: ArrayLike<T>): Splice[] {
  let start = 0;
  const shorter = Math.min(a.length, b.length);
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const [n, m] = [a.length - start - end, b.length - start - end];
  if (n === 0 && m === 0) return [];
  const trail = n === 0 || m === 0 ? null : search(a, b, start, n, m);
  if (trail === null) return [{ at: start, remove: n, from: start, insert: m }];
  return trace(trail, n, m).map((splice) => ({
    ...splice,
    at: splice.at + start,
    from: splice.from + start,
  }));
}

/** How far each diagonal was reached after so many differences; null where they are too many. */
function search<T>(
  a: ArrayLike<T>,
  b: ArrayLike<T>,
  start: number,
  n: number,
  m: number,
): Int32Array[] | null {
  const most = Math.min(n + m, DIFFERENCES_MAX);
  const middle = most + 1;
  const reach = new Int32Array(2 * most + 3);
  const trail: Int32Array[] = [];
  for (let d = 0; d <= most; d++) {
    // Only these diagonals are looked at again; the whole array for each step would be large.
    trail.push(reach.slice(middle - d - 1, middle + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach[middle + k - 1]! < reach[middle + k + 1]!);
      let x = down ? reach[middle + k + 1]! : reach[middle + k - 1]! + 1;
      while (x < n && x - k < m && a[start + x] === b[start + x - k]) x++;
      reach[middle + k] = x;
      if (x >= n && x - k >= m) return trail;
    }
  }
  return null;
}

/** The way back through what was reached, as splices in order. */
function trace(trail: Int32Array[], n: number, m: number): Splice[] {
  const found: Splice[] = [];
  let [x, y] = [n, m];
  for (let d = trail.length - 1; d > 0; d--) {
    const reach = trail[d]!;
    const at = (k: number) => reach[k + d + 1]!;
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const [fromX, fromK] = down ? [at(k + 1), k + 1] : [at(k - 1), k - 1];
    const fromY = fromX - fromK;
    const last = found.at(-1);
    const [endX, endY] = down ? [fromX, fromY + 1] : [fromX + 1, fromY];
    if (last !== undefined && last.at === endX && last.from === endY) {
      last.at = fromX;
      last.from = fromY;
      last.remove += endX - fromX;
      last.insert += endY - fromY;
    } else {
      found.push({ at: fromX, remove: endX - fromX, from: fromY, insert: endY - fromY });
    }
    [x, y] = [fromX, fromY];
  }
  return found.reverse();
}

/** A stretch of a text, and whether the other text lacks it. */
export interface Stretch {
  text: string;
  marked: boolean;
}

/** Words, white space and single signs: what a reader takes in at once. */
const WORDS = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu;

/** Both texts in stretches, with what the other one lacks marked by the word. */
export function wordMarks(before: string, after: string): { before: Stretch[]; after: Stretch[] } {
  const a = before.match(WORDS) ?? [];
  const b = after.match(WORDS) ?? [];
  const [left, right]: [Stretch[], Stretch[]] = [[], []];
  let [x, y] = [0, 0];
  const push = (to: Stretch[], words: string[], marked: boolean) => {
    if (words.length > 0) to.push({ text: words.join(''), marked });
  };
  for (const { at, remove, from, insert } of splices(a, b)) {
    push(left, a.slice(x, at), false);
    push(right, b.slice(y, from), false);
    push(left, a.slice(at, at + remove), true);
    push(right, b.slice(from, from + insert), true);
    [x, y] = [at + remove, from + insert];
  }
  push(left, a.slice(x), false);
  push(right, b.slice(y), false);
  return { before: left, after: right };
}
