// Whether everything of a page can be reached by somebody who sees little of it at once.

/**
 * What nobody could get at, in words: a control that lies outside of what can be scrolled into sight,
 * or under another one. Runs in the page.
 */
export function outOfReach() {
  const CONTROLS = 'a[href], button, input, select, textarea, [tabindex="0"], [role=tab]';
  /** Half a pixel is how places are rounded. */
  const SLACK = 1;
  const found = [];
  const top = document.querySelector('dialog[open]') ?? document.body;
  const scrolls = (value) => value === 'auto' || value === 'scroll';

  /** Whether a place is inside of all that scrolls around an element: else it was scrolled away. */
  function isInSight(element, x, y) {
    for (let one = element.parentElement; one !== null; one = one.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(one);
      const box = one.getBoundingClientRect();
      if (scrolls(overflowX) && (x < box.left || x > box.right)) return false;
      if (scrolls(overflowY) && (y < box.top || y > box.bottom)) return false;
    }
    return x >= 0 && y >= 0 && x <= innerWidth && y <= innerHeight;
  }

  /** The part of the page's way up that cuts a control off where nobody can scroll; null: none. */
  function cutter(element) {
    let { left, right, top: above, bottom } = element.getBoundingClientRect();
    for (let one = element.parentElement; one !== null; one = one.parentElement) {
      const style = getComputedStyle(one);
      const box = one === document.documentElement ? sight() : one.getBoundingClientRect();
      const across = style.overflowX !== 'visible' || one === document.documentElement;
      const down = style.overflowY !== 'visible' || one === document.documentElement;
      if (across && scrolls(style.overflowX)) [left, right] = [box.left, box.right];
      else if (across && (left < box.left - SLACK || right > box.right + SLACK)) {
        // Wider than its place, and its beginning is there: text that is cut with dots.
        if (left < box.left - SLACK || left > box.right - 16) return one;
      }
      if (down && scrolls(style.overflowY)) [above, bottom] = [box.top, box.bottom];
      else if (down && (above < box.top - SLACK || bottom > box.bottom + SLACK)) return one;
      // What floats is not cut by what it floats over.
      if (style.position === 'fixed' || one.matches('dialog')) break;
    }
    return null;
  }

  const sight = () => new DOMRect(0, 0, innerWidth, innerHeight);
  const named = (element) =>
    `${element.localName} “${(element.getAttribute('aria-label') ?? element.innerText ?? '').trim().slice(0, 40) || element.getAttribute('placeholder') || element.className}”`;

  for (const element of top.querySelectorAll(CONTROLS)) {
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    // Rows come and go with the scrolling; the grid as a whole is what is reached.
    if (element.closest('[role=row], .visually-hidden, [inert]')) continue;
    const cut = cutter(element);
    if (cut !== null) {
      found.push(`${named(element)} is cut off by ${cut.localName}.${cut.className}`);
      continue;
    }
    const box = element.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const seen = document.elementFromPoint(x, y);
    if (seen === null || box.width === 0 || !isInSight(element, x, y)) continue;
    // What floats lies over others until it is closed.
    const float = seen.closest('[role=menu], [role=dialog], [role=listbox]');
    if (float !== null && !float.contains(element)) continue;
    const isOwn = element.contains(seen) || seen.contains(element) || element.labels?.[0]?.contains(seen);
    const other = seen.closest(CONTROLS);
    if (!isOwn && other !== null && top.contains(seen))
      found.push(`${named(element)} lies under ${named(other)}`);
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth - clientWidth} px too wide`);
  return found;
}
