import { splices, type Splice } from './text-diff';

/** What one side does at a place of the base: an insertion before it, and removals from it on. */
function insertions(text: string, changes: Splice[]): Map<number, string> {
  return new Map(changes.map(({ at, from, insert }) => [at, text.slice(from, from + insert)]));
}

/** Whether a stretch of the base from here to the next boundary goes. */
function removes(changes: Splice[], at: number): boolean {
  return changes.some((change) => change.at <= at && at < change.at + change.remove);
}

/** The second half of a sign outside the basic plane must not part from the first. */
const isSecondHalf = (text: string, at: number) => {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
};

/** Splices of texts, which take signs whole. */
function textSplices(a: string, b: string): Splice[] {
  const whole: Splice[] = [];
  for (let { at, remove, from, insert } of splices(a, b)) {
    if (isSecondHalf(a, at) || isSecondHalf(b, from))
      [at, remove, from, insert] = [at - 1, remove + 1, from - 1, insert + 1];
    if (isSecondHalf(a, at + remove) || isSecondHalf(b, from + insert))
      [remove, insert] = [remove + 1, insert + 1];
    const last = whole.at(-1);
    if (last !== undefined && at <= last.at + last.remove) {
      last.remove = at + remove - last.at;
      last.insert = from + insert - last.from;
    } else {
      whole.push({ at, remove, from, insert });
    }
  }
  return whole;
}

export interface Rebased {
  text: string;
  /** The given places in `mine`, as they are in `text`. */
  places: number[];
}

/**
 * The text with what both sides changed in `base`, and where places of `mine` (a cursor) went. The
 * host merges by the same rule; this keeps what is typed and the cursor while others write.
 */
export function rebase(base: string, mine: string, theirs: string, places: number[]): Rebased {
  const own = textSplices(base, mine);
  const other = textSplices(base, theirs);
  const [ownTexts, otherTexts] = [insertions(mine, own), insertions(theirs, other)];
  const ends = [...own, ...other].flatMap(({ at, remove }) => [at, at + remove]);
  const boundaries = [...new Set([0, ...ends, base.length])].sort((a, b) => a - b);
  let text = '';
  /** How far `mine` has been read. */
  let read = 0;
  const went = places.map(() => -1);
  /** Places within the next so many letters of `mine`, which stand or fall together. */
  const settle = (length: number, stays: boolean, atEnd: boolean) => {
    places.forEach((place, index) => {
      const within = place >= read && (place < read + length || (atEnd && place === read + length));
      if (went[index] === -1 && within) went[index] = text.length + (stays ? place - read : 0);
    });
  };
  boundaries.forEach((at, index) => {
    const typed = ownTexts.get(at) ?? '';
    const inserted = otherTexts.get(at) ?? '';
    if (typed === '') {
      // A cursor stays before what others write at its place: it does not move while one reads.
      settle(0, true, true);
      text += inserted;
    } else {
      text += inserted;
      settle(typed.length, true, true);
      text += typed;
      read += typed.length;
    }
    const next = boundaries[index + 1];
    if (next === undefined) return;
    const [ownGoes, otherGoes] = [removes(own, at), removes(other, at)];
    const stretch = base.slice(at, next);
    if (!ownGoes) {
      settle(stretch.length, !otherGoes, false);
      read += stretch.length;
    }
    if (!ownGoes && !otherGoes) text += stretch;
  });
  return { text, places: went.map((place) => (place === -1 ? text.length : place)) };
}
