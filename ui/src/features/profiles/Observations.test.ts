import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import { Ipc, type ObservationRow, type Series } from '$lib/ipc';
import { FakeHost } from '$lib/ipc/fake';
import ObservationsPanel from './Observations.svelte';
import { Observations, ROWS } from './observed.svelte';

const MONDAY = Date.parse('2026-01-05T10:00:00Z') / 1_000;
const DAY = 86_400;
const lane = (signal: string, values: number[]) => ({
  signal,
  count: values.length,
  min: Math.min(...values),
  max: Math.max(...values),
  reduced: false,
  at: values.map((_, n) => MONDAY + n * DAY),
  values,
});
const SERIES: Series = {
  total: 250,
  first: MONDAY,
  last: MONDAY + 2 * DAY,
  lanes: [lane('order.value', [26.5, 31, 12]), lane('visits', [1, 2, 3])],
  left_out: 0,
};
const row = (n: number): ObservationRow => ({
  id: `o-${n}`,
  signal: n % 2 === 0 ? 'visits' : 'order.value',
  value: n,
  n: 1,
  at: '2026-01-05T10:00:00Z',
  source: 'shop',
});

let host: FakeHost;

beforeEach(() => {
  host = new FakeHost({
    observation_series: () => SERIES,
    list_observations: ({ offset = 0, limit = 0, signal }) => {
      const all = Array.from({ length: SERIES.total }, (_, n) => row(n));
      const found = all.filter((one) => signal == null || one.signal === signal);
      return { rows: found.slice(offset, offset + limit), total: found.length };
    },
  });
});

const open = () =>
  render(ObservationsPanel, { series: new Observations(new Ipc(host), 'p'), hash: 'h' });

test('arrows step through the points of a lane, and from lane to lane', async () => {
  open();
  const first = await screen.findByRole('img', { name: /^order.value: 3 values from 12 to 31/ });
  await fireEvent.keyDown(first, { key: 'Home' });
  const live = () => document.querySelector('[aria-live="polite"]')?.textContent.trim();
  expect(live()).toMatch(/^order.value: 26.5, .*2026, 10:00/);
  await fireEvent.keyDown(first, { key: 'ArrowRight' });
  expect(live()).toMatch(/^order.value: 31, .*2026, 10:00/);
  await fireEvent.keyDown(first, { key: 'ArrowDown' });
  const second = screen.getByRole('img', { name: /^visits/ });
  expect(document.activeElement).toBe(second);
  expect(first.tabIndex).toBe(-1);
});

test('t shows the table, which comes in parts and can be narrowed', async () => {
  open();
  await screen.findByRole('img', { name: /^visits/ });
  expect(host.requests('list_observations'), 'not before it is looked at').toEqual([]);
  await fireEvent.keyDown(document.body, { key: 't' });
  const table = await screen.findByRole('table');
  const rows = () => table.querySelectorAll('tbody tr').length;
  await expect.poll(rows).toBe(ROWS);
  await fireEvent.click(screen.getByText('Show 50 more'));
  await expect.poll(rows).toBe(SERIES.total);
  await fireEvent.change(screen.getByRole('combobox'), { target: { value: 'visits' } });
  await expect.poll(rows).toBe(SERIES.total / 2);
  await fireEvent.keyDown(document.body, { key: 't' });
  await screen.findByRole('img', { name: /^visits/ });
});

test('a profile without observations says where they come from', async () => {
  host.answer('observation_series', () => ({ total: 0, lanes: [], left_out: 0 }));
  open();
  await screen.findByText(/They come with imports/);
});
