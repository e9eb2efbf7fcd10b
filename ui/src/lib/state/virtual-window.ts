// Which rows of a long list are on screen, and where they stand. Plain arithmetic without a DOM.
//
// An element cannot be of any height: Chromium cuts at 16.7 million pixels, WebKit near 33.5. So a
// list that would be higher is given `SCROLL_HEIGHT_MAX`, and its scroll position is stretched: the
// ends of the scroll bar are the ends of the list, and rows keep their height on screen.

/** Below Chromium's limit with room for the header and for zoom. */
export const SCROLL_HEIGHT_MAX = 15_000_000;

export interface Geometry {
  rows: number;
  rowHeight: number;
  /** Height of the visible part, without the header. */
  viewport: number;
}

export interface RowWindow {
  /** The first row to render. */
  first: number;
  /** One past the last row to render. */
  end: number;
  /** What to take off `index * rowHeight` to get the row's place in the scrolled element. */
  shift: number;
}

const fullHeight = (g: Geometry) => g.rows * g.rowHeight;

/** Height of the scrolled element. */
export function scrollHeight(g: Geometry): number {
  return Math.min(fullHeight(g), SCROLL_HEIGHT_MAX);
}

/** How many list pixels one scrolled pixel stands for; 1 unless the list is too high. */
function stretch(g: Geometry): number {
  const scrollable = scrollHeight(g) - g.viewport;
  return scrollable <= 0 ? 1 : (fullHeight(g) - g.viewport) / scrollable;
}

/** The list pixel at the top of the viewport. */
export function listOffset(g: Geometry, scrollTop: number): number {
  const lowest = Math.max(0, fullHeight(g) - g.viewport);
  return Math.min(Math.max(0, scrollTop * stretch(g)), lowest);
}

export function windowAt(g: Geometry, scrollTop: number, overscan: number): RowWindow {
  const offset = listOffset(g, scrollTop);
  const first = Math.max(0, Math.floor(offset / g.rowHeight) - overscan);
  const end = Math.min(g.rows, Math.ceil((offset + g.viewport) / g.rowHeight) + overscan);
  return { first, end: Math.max(first, end), shift: stretch(g) === 1 ? 0 : offset - scrollTop };
}

/** The scroll position that shows row `index` in the middle; the current one where it is in view. */
export function scrollTopCentring(g: Geometry, scrollTop: number, index: number): number {
  if (scrollTopShowing(g, scrollTop, index) === scrollTop) return scrollTop;
  const offset = index * g.rowHeight - (g.viewport - g.rowHeight) / 2;
  const lowest = Math.max(0, fullHeight(g) - g.viewport);
  return Math.min(Math.max(0, offset), lowest) / stretch(g);
}

/** The scroll position that shows row `index` whole, as near to the current one as can be. */
export function scrollTopShowing(g: Geometry, scrollTop: number, index: number): number {
  const offset = listOffset(g, scrollTop);
  const top = index * g.rowHeight;
  const bottom = top + g.rowHeight;
  if (top < offset) return top / stretch(g);
  if (bottom > offset + g.viewport) return (bottom - g.viewport) / stretch(g);
  return scrollTop;
}
