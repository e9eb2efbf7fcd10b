// The arithmetic of the charts, free of anything that is drawn.

export interface XY {
  x: number;
  y: number;
}

/** From a stretch of values to a stretch of pixels. */
export function linear([low, high]: [number, number], [from, to]: [number, number]) {
  const span = high - low || 1;
  return (value: number): number => from + ((value - low) / span) * (to - from);
}

/** Round values between two, about so many. */
export function ticksOf(low: number, high: number, about: number): number[] {
  const rough = (high - low) / Math.max(1, about);
  if (!Number.isFinite(rough) || rough <= 0) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Whole steps are counted, so that no error adds up; the rest of one is cut off.
  return Array.from({ length: last - first + 1 }, (_, at) =>
    Number(((first + at) * step).toPrecision(12)),
  );
}

/** Whether a point lies within a polygon, by the crossings of a ray to its right. */
export function isInside({ x, y }: XY, polygon: readonly XY[]): boolean {
  let inside = false;
  let previous = polygon.at(-1);
  for (const corner of polygon) {
    if (previous !== undefined && corner.y > y !== previous.y > y) {
      const crossing =
        corner.x + ((y - corner.y) / (previous.y - corner.y)) * (previous.x - corner.x);
      if (x < crossing) inside = !inside;
    }
    previous = corner;
  }
  return inside;
}

/** How long a line is that was drawn. */
export const lengthOf = (line: readonly XY[]): number =>
  line.slice(1).reduce((sum, { x, y }, at) => {
    const before = line[at];
    return before === undefined ? sum : sum + Math.hypot(x - before.x, y - before.y);
  }, 0);

/** The place of the point nearest to another, if it is not farther away than so much. */
export function nearestTo(points: readonly XY[], to: XY, within: number): number | null {
  let found: number | null = null;
  let least = within;
  points.forEach(({ x, y }, at) => {
    const distance = Math.hypot(x - to.x, y - to.y);
    if (distance <= least) [found, least] = [at, distance];
  });
  return found;
}

/** A direction on the screen, where y grows downwards. */
export const DIRECTIONS: Record<string, XY> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/**
 * The next point in a direction: the nearest of those that lie more that way than aside, and
 * otherwise of all that lie that way at all, so that no point is left in a corner.
 */
export function nextTowards(points: readonly XY[], from: number, way: XY): number | null {
  const start = points[from];
  if (start === undefined) return null;
  let straight: { at: number; distance: number } | null = null;
  let any: { at: number; distance: number } | null = null;
  points.forEach(({ x, y }, at) => {
    const along = (x - start.x) * way.x + (y - start.y) * way.y;
    if (at === from || along <= 0) return;
    const aside = Math.abs((x - start.x) * way.y + (y - start.y) * way.x);
    const distance = along + 2 * aside;
    if (aside <= along && (straight === null || distance < straight.distance)) {
      straight = { at, distance };
    }
    if (any === null || distance < any.distance) any = { at, distance };
  });
  const found = (straight ?? any) as { at: number } | null;
  return found?.at ?? null;
}

/** Where most points of a group are: the medians, which strays do not move. */
export function middleOf(points: readonly XY[]): XY {
  const median = (values: number[]) =>
    values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return { x: median(points.map(({ x }) => x)), y: median(points.map(({ y }) => y)) };
}

/** The data of a path, to a tenth of a pixel. */
const path = (texts: TemplateStringsArray, ...numbers: number[]): string =>
  texts.reduce((data, text, at) => data + String(Number(numbers[at - 1]?.toFixed(1))) + text);

/** Shapes that tell groups apart without their colours; each as a path around a point. */
const GLYPHS: ((x: number, y: number, r: number) => string)[] = [
  // Two half circles.
  (x, y, r) => path`M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  (x, y, r) => path`M${x} ${y - 1.2 * r}l${1.2 * r} ${2.1 * r}h${-2.4 * r}z`,
  (x, y, r) => path`M${x - 0.9 * r} ${y - 0.9 * r}h${1.8 * r}v${1.8 * r}h${-1.8 * r}z`,
  (x, y, r) => {
    const d = 1.3 * r;
    return path`M${x} ${y - d}l${d} ${d}l${-d} ${d}l${-d} ${-d}z`;
  },
  (x, y, r) => path`M${x} ${y + 1.2 * r}l${1.2 * r} ${-2.1 * r}h${-2.4 * r}z`,
  // A cross.
  (x, y, r) => {
    const [arm, half] = [1.3 * r, 0.45 * r];
    const side = arm - half;
    const top = path`M${x - half} ${y - arm}h${2 * half}v${side}h${side}v${2 * half}`;
    return top + path`h${-side}v${side}h${-2 * half}v${-side}h${-side}v${-2 * half}h${side}z`;
  },
  (x, y, r) => path`M${x - 1.3 * r} ${y - 0.5 * r}h${2.6 * r}v${r}h${-2.6 * r}z`,
  (x, y, r) => path`M${x - 0.5 * r} ${y - 1.3 * r}h${r}v${2.6 * r}h${-r}z`,
];

/** How many groups have a shape and a colour of their own. */
export const GROUPS = GLYPHS.length;

/** The shape of a group around a point, as the data of a path. */
export function glyph(group: number, { x, y }: XY, r: number): string {
  return GLYPHS[((group % GROUPS) + GROUPS) % GROUPS]?.(x, y, r) ?? '';
}

/** A text cut so that it has room; SVG cuts none. Widths are those of the interface's typeface. */
export function fit(text: string, room: number, size = 12, mono = false): string {
  const most = Math.floor(room / (size * (mono ? 0.61 : 0.54)));
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1)).trimEnd()}…`;
}

/** About how wide a text is. */
export const widthOf = (text: string, size = 12): number => text.length * size * 0.54;
