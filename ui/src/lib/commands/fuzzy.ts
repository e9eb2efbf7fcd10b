// Finding a name by some of its letters, in their order: `imf` finds "Import files".

/** How well letters fit, and which of the name's they are. */
export interface Fit {
  score: number;
  /** Positions in the name, by code points. */
  marks: number[];
}

const LETTER = 1;
/** Letters that follow each other say more than scattered ones, and beginnings of words the most. */
const CONSECUTIVE = 6;
const WORD_START = 5;
const NAME_START = 3;
/** Scattered letters are in every long name; below this much a letter they are an accident. */
const LEAST_A_LETTER = 2;

/** Letters without case and accents, one for each of the text's. */
function folded(text: string): string[] {
  return [...text].map((letter) => [...letter.normalize('NFD').toLowerCase()][0] ?? letter);
}

/** How `words` fit `name`; null where one of them is not in it. No words fit everything. */
export function fit(words: string, name: string): Fit | null {
  const letters = folded(name);
  const all: Fit = { score: 0, marks: [] };
  for (const word of words.split(/\s+/).filter((one) => one !== '')) {
    const one = fitWord(folded(word), letters);
    if (one === null) return null;
    all.score += one.score;
    all.marks.push(...one.marks);
  }
  all.marks = [...new Set(all.marks)].sort((a, b) => a - b);
  // Of two names that fit alike, the shorter one was meant.
  all.score -= letters.length / 100;
  return all;
}

function fitWord(word: string[], name: string[]): Fit | null {
  const starts = name.map((letter, at) => isWord(letter) && (at === 0 || !isWord(name[at - 1]!)));
  /** For each letter of the word: where it may be, how well, and where the one before it was. */
  const ways: { score: number; from: number }[][] = [];
  for (let at = 0; at < word.length; at++) {
    const before = ways[at - 1];
    /** The best way of the letters before that ends at least one letter back. */
    let best = { score: -Infinity, from: -1 };
    ways.push(
      name.map((letter, place) => {
        const near = before?.[place - 1]?.score ?? -Infinity;
        const far = before?.[place - 2]?.score ?? -Infinity;
        if (far > best.score) best = { score: far, from: place - 2 };
        if (letter !== word[at]) return { score: -Infinity, from: -1 };
        const own = LETTER + (starts[place] ? WORD_START : 0) + (place === 0 ? NAME_START : 0);
        if (at === 0) return { score: own, from: -1 };
        const joined = near + CONSECUTIVE;
        return joined >= best.score
          ? { score: joined + own, from: place - 1 }
          : { score: best.score + own, from: best.from };
      }),
    );
  }
  const last = ways.at(-1) ?? [];
  let place = last.reduce((top, way, at) => (way.score > (last[top]?.score ?? 0) ? at : top), 0);
  const score = last[place]?.score ?? -Infinity;
  if (score < word.length * LEAST_A_LETTER) return null;
  const marks: number[] = [];
  for (let at = word.length - 1; at >= 0; at--) {
    marks.unshift(place);
    place = ways[at]![place]!.from;
  }
  return { score, marks };
}

const isWord = (letter: string) => /[\p{L}\p{N}]/u.test(letter);

/** A name in parts, those that fit apart from the others. */
export function parts(name: string, marks: number[]): { text: string; marked: boolean }[] {
  const marked = new Set(marks);
  const all: { text: string; marked: boolean }[] = [];
  [...name].forEach((letter, at) => {
    const last = all.at(-1);
    if (last !== undefined && last.marked === marked.has(at)) last.text += letter;
    else all.push({ text: letter, marked: marked.has(at) });
  });
  return all;
}
