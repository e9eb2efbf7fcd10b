import { csvOf, type Table } from './tables';

// Files of what is shown. They say all by themselves: no style, typeface or picture of elsewhere.

/** What a drawing is made of beside its geometry; each is an attribute of SVG as well. */
const DRAWN = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'stroke-linejoin',
  'opacity',
  'paint-order',
];
const WRITTEN = ['font-family', 'font-size', 'font-weight', 'text-anchor'];

const SVG = 'http://www.w3.org/2000/svg';
/** Around the drawing, so that it does not touch the edge of a page. */
const MARGIN = 16;

/** A text for a place in HTML or XML, attributes included. */
export const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** A chart as a picture that looks the same elsewhere, on the paper that it lies on here. */
export function standalone(svg: SVGSVGElement): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [drawn, copied] = [svg, copy].map((one) => [one, ...one.querySelectorAll('*')]);
  drawn?.forEach((element, at) => {
    const other = copied?.[at];
    if (other === undefined) return;
    const style = getComputedStyle(element);
    const names = element.tagName === 'text' ? [...DRAWN, ...WRITTEN] : DRAWN;
    for (const name of element === svg ? [] : names) {
      const value = style.getPropertyValue(name);
      if (value !== '') other.setAttribute(name, value);
    }
    for (const { name } of [...other.attributes]) {
      if (/^(class|style|tabindex|data-|on)/.test(name)) other.removeAttribute(name);
    }
  });
  // Marks of the pointer and the keyboard are none of the picture; a link leads nowhere elsewhere.
  for (const [at, element] of [...(drawn ?? [])].entries()) {
    if (element.hasAttribute('data-screen')) copied?.[at]?.remove();
  }
  for (const link of copy.querySelectorAll('a')) link.replaceWith(...link.childNodes);
  for (const node of commentsIn(copy)) node.remove();
  const { width, height } = sizeOf(svg);
  const [wide, high] = [width + 2 * MARGIN, height + 2 * MARGIN];
  copy.setAttribute('xmlns', SVG);
  copy.setAttribute('role', 'img');
  copy.setAttribute('width', String(wide));
  copy.setAttribute('height', String(high));
  copy.setAttribute('viewBox', `${-MARGIN} ${-MARGIN} ${wide} ${high}`);
  const paper = document.createElementNS(SVG, 'rect');
  const place = { x: -MARGIN, y: -MARGIN, width: wide, height: high, fill: paperColour() };
  for (const [name, value] of Object.entries(place)) paper.setAttribute(name, String(value));
  copy.prepend(paper);
  return copy;
}

/** Svelte leaves comments where something may appear. */
function commentsIn(root: Node): ChildNode[] {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_COMMENT);
  const found: ChildNode[] = [];
  while (walker.nextNode()) found.push(walker.currentNode as ChildNode);
  return found;
}

function sizeOf(svg: Element): { width: number; height: number } {
  const of = (name: string) => Number(svg.getAttribute(name)) || 0;
  return { width: of('width'), height: of('height') };
}

const token = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const paperColour = () => token('--surface') || '#ffffff';

/** The interface's typefaces as a style, so that a picture has them wherever it is looked at. */
async function typefaces(): Promise<string> {
  const [text, mono] = await Promise.all([
    import('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?inline'),
    import('@fontsource/jetbrains-mono/files/jetbrains-mono-latin-400-normal.woff2?inline'),
  ]);
  const face = (name: string, weight: string, url: string) =>
    `@font-face{font-family:'${name}';font-weight:${weight};src:url(${url}) format('woff2')}`;
  return (
    face('Inter Variable', '100 900', text.default) + face('JetBrains Mono', '400', mono.default)
  );
}

/** Charts below each other as one picture. */
export async function svgOf(charts: SVGSVGElement[]): Promise<string> {
  const style = `${await typefaces()}text{font-variant-numeric:tabular-nums}`;
  return joined(charts.map(standalone), style);
}

/** Drawings below each other, in one that has a style. */
export function joined(drawings: SVGSVGElement[], style: string): string {
  const [only] = drawings;
  if (drawings.length === 1 && only !== undefined) {
    only.prepend(styled(style));
    return new XMLSerializer().serializeToString(only);
  }
  let height = 0;
  let width = 0;
  const whole = document.createElementNS(SVG, 'svg');
  const labels = drawings.map((one) => one.getAttribute('aria-label') ?? '');
  for (const one of drawings) {
    const size = sizeOf(one);
    one.setAttribute('y', String(height));
    one.removeAttribute('xmlns');
    one.removeAttribute('role');
    one.removeAttribute('aria-label');
    height += size.height;
    width = Math.max(width, size.width);
    whole.append(one);
  }
  whole.prepend(styled(style));
  const attributes = {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-label': labels.join(' '),
  };
  for (const [name, value] of Object.entries(attributes)) whole.setAttribute(name, String(value));
  return new XMLSerializer().serializeToString(whole);
}

function styled(style: string): Element {
  const element = document.createElementNS(SVG, 'style');
  element.textContent = style;
  return element;
}

/** The same as pixels, two to a pixel of the drawing. */
export async function pngOf(charts: SVGSVGElement[]): Promise<Blob> {
  const text = await svgOf(charts);
  const picture = new Image();
  // A data: address, since the window loads pictures of no other kind that is made here.
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await picture.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [picture.naturalWidth * 2, picture.naturalHeight * 2];
  canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error('no picture')) : resolve(blob)));
  });
}

/** What a page of a result says. */
export interface ResultPage {
  title: string;
  /** Whom it is of, and what it rests on; every line in two parts. */
  facts: [string, string][];
  /** Sentences; every second part of one is a name. */
  findings: string[][];
  findingsTitle: string;
  tables: { title: string; columns: string[]; rows: string[][] }[];
  language: string;
  report: unknown;
}

/** The colours of a page, as they are here. */
export interface PageLook {
  paper: string;
  ink: string;
  muted: string;
  line: string;
  /** Typefaces as a style. */
  faces: string;
}

/** One file that says all of a result and refers to nothing outside. */
export function htmlOf(page: ResultPage, drawings: string[], look: PageLook): string {
  const { title, facts, findings, tables } = page;
  // A script ends at the first `</`, whatever it stands in.
  const json = JSON.stringify(page.report).replaceAll('<', '\\u003c');
  const about = facts
    .map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`)
    .join('\n');
  const sentences = findings
    .map(
      (parts) =>
        `<li>${parts
          .map((part, at) => (at % 2 === 1 ? `<code>${escaped(part)}</code>` : escaped(part)))
          .join('')}</li>`,
    )
    .join('\n');
  const cells = (tag: string, row: string[]) =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const sections = tables
    .map(
      (table) => `<h2>${escaped(table.title)}</h2>
<div><table><thead><tr>${cells('th', table.columns)}</tr></thead>
<tbody>
${table.rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}
</tbody></table></div>`,
    )
    .join('\n');
  return `<!doctype html>
<html lang="${escaped(page.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
${look.faces}
body{margin:32px auto;max-width:1072px;padding:0 16px;background:${look.paper};color:${look.ink};font:13px/20px 'Inter Variable',system-ui,sans-serif}
h1{font-size:20px;line-height:28px;font-weight:600}
h2{margin:32px 0 4px;font-size:13px;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 16px}
dt,th{color:${look.muted};font-weight:500}
dd{margin:0;overflow-wrap:anywhere}
ul{padding-left:16px;max-width:760px}
code{font:12px 'JetBrains Mono',monospace}
svg{display:block;max-width:100%;height:auto;margin:0 -16px}
svg text,table{font-variant-numeric:tabular-nums}
div{overflow-x:auto}
table{border-collapse:collapse;font-size:12px}
th,td{padding:3px 24px 3px 0;border-bottom:1px solid ${look.line};text-align:left;white-space:nowrap}
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<dl>
${about}
</dl>
<h2>${escaped(page.findingsTitle)}</h2>
<ul>
${sentences}
</ul>
${drawings.join('\n')}
${sections}
<script type="application/json" id="report">${json}</script>
</body>
</html>
`;
}

/** The page with the charts as they are drawn here. */
export async function pageOf(page: ResultPage, charts: SVGSVGElement[]): Promise<string> {
  const drawings = charts.map((one) => new XMLSerializer().serializeToString(standalone(one)));
  return htmlOf(page, drawings, {
    paper: paperColour(),
    ink: token('--text') || '#15191d',
    muted: token('--text-muted') || '#545d67',
    line: token('--line-faint') || '#eceff1',
    faces: await typefaces(),
  });
}

/** The table with a mark for spreadsheets that it is UTF-8. */
export const csvFile = (table: Table): Blob =>
  new Blob(['\ufeff', csvOf(table)], { type: 'text/csv;charset=utf-8' });
