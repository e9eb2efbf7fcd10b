import { fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { expect, test, vi } from 'vitest';
import { locale } from '$lib/i18n.svelte';
import AnalysisResult from './AnalysisResult.svelte';
import { htmlOf, joined, standalone } from './export';
import { pageData } from './page';
import { resultOf, tablesOf } from './types';

const titles = {
  o: { en: 'Openness', de: 'Offenheit' },
  n: { en: 'Neuroticism', de: 'Neurotizismus' },
};
const calibration = { version: 'd696', schema: 'bfi', schema_version: 1, titles };
const distribution = {
  analysis: 'distribution',
  calibration,
  done: 10,
  total: 10,
  input: { filter: 'age<20', as_of: 1275350400000, revision: 7 },
  findings: [
    { code: 'x', en: '`o` is lower than <usual>.', de: '`o` ist niedriger als <üblich>.' },
  ],
  dimensions: [
    {
      dimension: 'o',
      people: 10,
      mean: 0.4,
      mean_low: 0.3,
      mean_high: 0.5,
      p25: 0.3,
      p50: 0.41,
      p75: 0.5,
      bands: { low: { share: 0.3, low: 0.2, high: 0.4 }, high: { share: 0.1 } },
    },
  ],
  bins: [
    { dimension: 'o', from: 0.2, to: 0.4, people: 4 },
    { dimension: 'o', from: 0.4, to: 0.6, people: 6 },
  ],
};
const variable = (kind: string, name: string, g: number) => ({
  kind,
  name,
  code: 'compared',
  a: { n: 6, mean: 2.5 },
  b: { n: 4, mean: 2 },
  hedges_g: { value: g, low: g - 0.1, high: g + 0.1 },
  cliffs_delta: { value: 0.3, low: 0.1, high: 0.5 },
  adjusted: { p: 0.00001, of: 'mann_whitney' },
});
const compare = {
  analysis: 'compare',
  calibration,
  a: 6,
  b: 4,
  input: { filter_a: 'gender:female', filter_b: null },
  findings: [],
  variables: [
    variable('signal', 'N1', 0.2),
    variable('dimension', 'o', -0.6),
    { kind: 'attribute', name: 'age', code: 'too_few', hedges_g: null },
    ...Array.from({ length: 35 }, (_, at) => variable('signal', `S${at}`, at / 1000)),
  ],
};
const points = [
  { id: 'p-1', x: 0, y: 0, segment: 1 },
  { id: 'p-2', x: 1, y: 0, segment: 2 },
  { id: 'p-3', x: 0.5, y: 1, segment: 2 },
];
const map = {
  analysis: 'map',
  calibration,
  findings: [],
  points,
  components: [
    { component: 1, share: 0.4 },
    { component: 2, share: 0.2 },
  ],
  weights: [
    { component: 1, dimension: 'o', weight: 0.9 },
    { component: 1, dimension: 'n', weight: -0.4 },
    { component: 2, dimension: 'n', weight: 0.9 },
  ],
};
const segments = {
  analysis: 'segments',
  calibration,
  findings: [],
  segments: [
    { segment: 1, people: 1, share: 0.33 },
    { segment: 2, people: 2, share: 0.67, low: 0.5, high: 0.8 },
  ],
  profile: [{ segment: 1, dimension: 'o', mean: 0.3, rest: 0.6, g: -1.2, g_low: -1.5, g_high: -1 }],
  points,
};
const outliers = {
  analysis: 'outliers',
  calibration,
  findings: [],
  limit: 20.5,
  expected: 0.001,
  outliers: [
    { id: 'far', distance: 23.3, dimension: 'n', score: 0.96, z: 1.9 },
    { id: 'near', distance: 12, dimension: null, score: null, z: null },
  ],
};
const similar = {
  analysis: 'similar',
  calibration,
  findings: [],
  id: 'me',
  similar: [{ id: 'you', distance: 0.05, nearer_than: 0.999 }],
  scores: [{ id: 'you', dimension: 'o', score: 0.5, difference: 0.1, part: 1 }],
};
const drift = {
  analysis: 'drift',
  calibration,
  findings: [],
  from: 883612800000,
  to: 899164800000,
  dimensions: [
    {
      dimension: 'o',
      people_from: 10,
      people_to: 12,
      both: 9,
      mean_from: 0.5,
      mean_to: 0.3,
      change: -0.2,
      change_low: -0.21,
      change_high: -0.19,
      psi: 0.3,
    },
  ],
  bins: [{ dimension: 'o', from: 0, to: 0.5, before: 4, after: 8 }],
};
const duplicates = {
  analysis: 'duplicates',
  findings: [],
  pairs: [
    {
      id: 'a-1',
      name: 'Ann',
      other_id: 'a-2',
      other_name: null,
      probability: 0.99,
      names: 0.8,
      observations: null,
      attributes: { equal: 2, both: 3 },
    },
  ],
};

const profileHref = (id: string) => `#/profiles/${id}`;
const show = (report: unknown, onSelect: (ids: string[]) => void = () => undefined) =>
  render(AnalysisResult, { report, profileHref, onSelect });

test('findings are said in the language of the person', async () => {
  show(distribution);
  const item = screen.getByRole('listitem');
  expect(item.textContent?.trim()).toBe('o is lower than <usual>.');
  expect(item.querySelector('code')?.textContent).toBe('o');
  expect(screen.getByRole('img', { name: /^How people are spread in 1 dimensions/ })).toBeTruthy();
  locale.choose('de');
  await screen.findByText('ist niedriger als <üblich>.', { exact: false });
  expect(screen.getByRole('button', { name: 'Tabelle' })).toBeTruthy();
});

test('t shows the tables, and the chart again; the focus stays within', async () => {
  const { container } = show(distribution);
  const area = container.querySelector('.area');
  const chart = screen.getByRole('application');
  chart.focus();
  await fireEvent.keyDown(chart, { key: 't' });
  const table = screen.getByRole('table', { name: /^Dimensions/ });
  expect(within(table).getByText('Openness')).toBeTruthy();
  expect(area).toHaveProperty('hidden', true);
  const button = screen.getByRole('button', { name: 'Table' });
  await waitFor(() => expect(document.activeElement).toBe(button));
  expect(button.getAttribute('aria-pressed')).toBe('true');
  await fireEvent.keyDown(button, { key: 't' });
  expect(screen.queryByRole('table')).toBeNull();
  expect(area).toHaveProperty('hidden', false);
});

test('values are told by keys', async () => {
  const { container } = show(distribution);
  const chart = screen.getByRole('application');
  const told = () => container.querySelector('[aria-live]')?.textContent?.trim();
  await fireEvent.keyDown(chart, { key: 'ArrowDown' });
  expect(told()).toMatch(/^Openness; 10 people; mean 0\.40 \(0\.30 to 0\.50\); quartiles 0\.30/);
  await fireEvent.keyDown(chart, { key: 'ArrowRight' });
  expect(told()).toBe('Openness, 0.40 to 0.60; 6 people; 60.0%');
});

test('a comparison has the greatest difference first, and can be narrowed to a kind', async () => {
  const { container } = show(compare);
  const names = () =>
    [...container.querySelectorAll('svg[data-chart] text')].map((one) => one.textContent);
  expect(names().indexOf('Openness')).toBeLessThan(names().indexOf('N1'));
  expect(names()).not.toContain('S0');
  expect(screen.getByText('everybody else', { exact: false })).toBeTruthy();
  expect(screen.getByText('Not compared, since too few have a value: age')).toBeTruthy();
  const chart = screen.getByRole('application');
  await fireEvent.keyDown(chart, { key: 'Home' });
  expect(container.querySelector('[aria-live]')?.textContent).toContain(
    'Openness; A: mean 2.50, n = 6; B: mean 2.00, n = 4; δ = +0.30 (+0.10 to +0.50); p < 0.001',
  );
  await fireEvent.click(screen.getByRole('button', { name: 'Show all 37' }));
  expect(names()).toContain('S0');
  await fireEvent.click(screen.getByRole('button', { name: /^Dimensions/ }));
  expect(names()).not.toContain('N1');
});

test('points are selected by keys and shown', async () => {
  const shown: string[][] = [];
  show(map, (ids) => shown.push(ids));
  expect(screen.getByText('more Openness →')).toBeTruthy();
  expect(screen.getByText('← more Neuroticism')).toBeTruthy();
  const chart = screen.getByRole('application');
  for (const key of ['ArrowLeft', 'ArrowLeft', 'Enter', 'ArrowRight', 'ArrowRight', 'Enter']) {
    await fireEvent.keyDown(chart, { key });
  }
  expect(screen.getByText('2 profiles selected')).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Show these profiles' }));
  expect(shown[0]?.toSorted()).toEqual(['p-1', 'p-2']);
  await fireEvent.keyDown(chart, { key: 'Escape' });
  expect(screen.queryByText('2 profiles selected')).toBeNull();
});

test('a line drawn around points selects those inside', async () => {
  const shown: string[][] = [];
  const { container } = show(map, (ids) => shown.push(ids));
  const plane = container.querySelector('svg[data-chart]') as SVGSVGElement;
  plane.setPointerCapture = vi.fn();
  plane.getBoundingClientRect = () => new DOMRect(0, 0, 880, 520);
  const to = (type: string, clientX: number, clientY: number) =>
    fireEvent(plane, new PointerEvent(type, { clientX, clientY, button: 0, bubbles: true }));
  await to('pointerdown', 1, 1);
  for (const [x, y] of [
    [879, 1],
    [879, 519],
    [1, 519],
  ] as const) {
    await to('pointermove', x, y);
  }
  await to('pointerup', 1, 519);
  expect(screen.getByText('3 profiles selected')).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Clear selection' }));
  expect(screen.queryByText('3 profiles selected')).toBeNull();
});

test('segments, outliers, similar profiles, drift and duplicates are drawn with their links', () => {
  const links = (report: unknown) => {
    const { container, unmount } = show(report);
    const text = container.querySelector('.area')?.textContent ?? '';
    const found = [...container.querySelectorAll('.area a')].map((a) => a.getAttribute('href'));
    unmount();
    return { text, found };
  };
  expect(links(segments).text).toContain('Segment 2');
  expect(links(segments).text).toContain('−1.20');
  const far = links(outliers);
  expect(far.found).toEqual(['#/profiles/far', '#/profiles/near']);
  expect(far.text).toContain('limit 20.5');
  expect(links(similar).found).toEqual(['#/profiles/you']);
  expect(links(similar).text).toContain('+0.10');
  expect(links(drift).text).toMatch(/0\.30\s*much\s*−0\.200/);
  const against = links({ ...drift, against: 'abcdef0123456789' }).text;
  expect(against).toContain('Calibration abcdef01');
  expect(against).not.toContain('1998');
  const pair = links(duplicates);
  expect(pair.found).toEqual(['#/profiles/a-1', '#/profiles/a-2']);
  expect(pair.text).toContain('2 of 3');
});

test('pairs that are perhaps one can be merged, and say so once they are', async () => {
  const merges = { look: vi.fn(), areOne: vi.fn(() => false), begin: vi.fn() };
  const { rerender } = render(AnalysisResult, { report: duplicates, profileHref, merges });
  expect(merges.look).toHaveBeenCalledWith(['a-1', 'a-2']);
  await fireEvent.click(screen.getByRole('button', { name: 'Merge a-1 and a-2' }));
  expect(merges.begin).toHaveBeenCalledWith(['a-1', 'a-2']);
  await rerender({ merges: { ...merges, areOne: () => true } });
  expect(screen.queryByRole('button', { name: 'Merge a-1 and a-2' })).toBeNull();
  expect(screen.getByText('Merged')).toBeTruthy();
});

test('what is broken or of another version is said and breaks nothing', () => {
  const of = (report: unknown) => {
    const { container, unmount } = show(report);
    const text = container.textContent ?? '';
    unmount();
    return text;
  };
  expect(of(null)).toContain('This report cannot be shown here.');
  expect(of('text')).toContain('This report cannot be shown here.');
  expect(of({ analysis: 'of_tomorrow', rows: [{ a: 1 }] })).toContain('no chart for this report');
  expect(of({ analysis: 'map', points: 'many', findings: 5 })).toContain('nothing to draw');
  for (const report of [
    distribution,
    compare,
    map,
    segments,
    outliers,
    similar,
    drift,
    duplicates,
  ]) {
    const hollow = Object.fromEntries(
      Object.entries(report).map(([name, value]) =>
        name !== 'analysis' && Array.isArray(value) ? [name, [{}, null, 3]] : [name, value],
      ),
    );
    expect(of({ ...hollow, calibration: null, input: undefined })).toContain('What it shows');
  }
});

test('a drawing says everything by itself', () => {
  const { container } = show(outliers);
  const chart = container.querySelector<SVGSVGElement>('svg[data-chart]');
  const text = joined(chart === null ? [] : [standalone(chart)], 'text{}');
  expect(text).toContain('<style>text{}</style>');
  expect(text).not.toMatch(/class=|data-|href=|var\(|<!--/);
  expect(text).toContain('<rect x="-16"');
  expect(text.match(/<svg/g)).toHaveLength(1);
});

test('the page is one file without a word that could become markup', () => {
  const result = resultOf({ ...distribution, bad: '</script><script>' });
  if (result === null) throw new Error('no result');
  const page = pageData(result, 'Distribution <1>', tablesOf(result), 'en');
  const look = { paper: '#fff', ink: '#000', muted: '#444', line: '#eee', faces: '' };
  const html = htmlOf(page, ['<svg></svg>'], look);
  expect(html).toContain('<title>Distribution &lt;1&gt;</title>');
  expect(html).toContain('<li><code>o</code> is lower than &lt;usual&gt;.</li>');
  expect(html).toContain('<dd>age&lt;20</dd>');
  expect(html).toContain('<dd>bfi · 1 · d696</dd>');
  expect(html).toContain('<td>Openness</td>');
  expect(html).not.toMatch(/(?:src|href)=/);
  const json = /<script type="application\/json" id="report">(.*)<\/script>/.exec(html)?.[1];
  expect(JSON.parse(json ?? '')).toEqual(result);
  expect(html.match(/<\/script>/g)).toHaveLength(1);
});
