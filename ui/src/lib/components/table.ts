// What a table is told of its columns, and what follows from it.

export interface Column {
  key: string;
  label: string;
  /** In pixels: the least where it grows, else just so. */
  width: number;
  /** Its share of the room that is left. */
  grow?: number;
  align?: 'start' | 'end';
  mono?: boolean;
  /** Set where the list can be ordered by this column. */
  sort?: string;
  /** The label is only for screen readers: its cells explain themselves. */
  hidesLabel?: boolean;
  /** Its header is drawn by the table's `head`; arrows pass its cells by. */
  hasHead?: boolean;
  /** Stays where it is when the table is scrolled sideways. Frozen columns come first. */
  frozen?: boolean;
  /** Can be moved and hidden. */
  movable?: boolean;
  /** Can be made wider and narrower. */
  resizable?: boolean;
}

/** A point on the screen, where something opens. */
export interface Place {
  x: number;
  y: number;
}

/** Room for a number of four digits. */
export const WIDTH_MIN = 48;
/** Beyond this one column would be the whole window. */
export const WIDTH_MAX = 800;
/** How far a key moves the edge of a column. */
export const WIDTH_STEP = 16;
/** Before the first and after the last cell. */
const ROW_PADDING = 12;

export const clampedWidth = (width: number) =>
  Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, width)));

/** The tracks of all columns, for CSS grid. */
export const tracksOf = (columns: Column[]) =>
  columns
    .map(({ width, grow }) =>
      grow === undefined ? `${width}px` : `minmax(${width}px, ${String(grow)}fr)`,
    )
    .join(' ');

/** How wide a row is at least. */
export const leastWidth = (columns: Column[]) =>
  columns.reduce((sum, { width }) => sum + width, ROW_PADDING);

/** Where each frozen column stays, from the left edge; undefined for the others. */
export function frozenLefts(columns: Column[]): (number | undefined)[] {
  let left = 0;
  return columns.map(({ frozen, width }) => {
    if (!frozen) return undefined;
    const here = left;
    left += width;
    return here;
  });
}

/** How wide all frozen columns are together. */
export const frozenWidth = (columns: Column[]) =>
  columns.reduce((sum, { frozen, width }) => sum + (frozen ? width : 0), 0);

/** The place before which a column lands that is dropped at `x`; null for the end. */
export function dropTarget(
  heads: { key: string; left: number; right: number }[],
  x: number,
): string | null {
  return heads.find(({ left, right }) => x < (left + right) / 2)?.key ?? null;
}
