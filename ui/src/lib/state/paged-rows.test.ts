import { beforeEach, expect, test, vi } from 'vitest';
import { fakeProblem } from '$lib/ipc/fake';
import { PAGE_ROWS, PAGES_KEPT, PagedRows, REFRESH_PAUSE_MS, type Page } from './paged-rows.svelte';

interface Asked {
  query: string;
  offset: number;
  after: string | null;
  answer: (page: Page<string>) => Promise<void>;
  fail: (thrown: unknown) => Promise<void>;
}

let asked: Asked[];
let rows: PagedRows<string, string>;

const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  rows = new PagedRows('all', (query, offset, _limit, after) => {
    return new Promise((resolve, reject) => {
      asked.push({
        query,
        offset,
        after,
        answer: (page) => (resolve(page), settled()),
        fail: (thrown) => (reject(thrown), settled()),
      });
    });
  });
});

const page = (offset: number, matching: number, mark = ''): Page<string> => ({
  rows: Array.from(
    { length: Math.min(PAGE_ROWS, matching - offset) },
    (_, at) => `${mark}${offset + at}`,
  ),
  matching,
  total: 1_000_000,
});

async function start(matching = 1_000_000): Promise<void> {
  void rows.setQuery('all');
  await asked[0]!.answer(page(0, matching));
  asked = [];
}

test('only the pages on screen are fetched', async () => {
  await start();
  rows.show(500_190, 500_230);
  expect(asked.map(({ offset }) => offset)).toEqual([500_000, 500_200]);
  await asked[0]!.answer(page(500_000, 1_000_000));
  expect(rows.row(500_199)).toBe('500199');
  expect(rows.row(500_200)).toBeUndefined();
});

test('a page that is on its way is not asked for twice', async () => {
  await start();
  rows.show(400, 430);
  rows.show(410, 440);
  expect(asked).toHaveLength(1);
});

test('pages used longest ago are dropped', async () => {
  await start();
  for (let number = 1; number <= PAGES_KEPT; number++) {
    rows.show(number * PAGE_ROWS, number * PAGE_ROWS + 1);
    await asked.at(-1)!.answer(page(number * PAGE_ROWS, 1_000_000));
  }
  expect(rows.row(0)).toBeUndefined();
  expect(rows.row(PAGE_ROWS)).toBe(String(PAGE_ROWS));
});

test('an answer to an earlier query is dropped, however late it comes', async () => {
  await start();
  rows.show(400, 430);
  const late = asked[0]!;
  const changed = rows.setQuery('narrow');
  await asked[1]!.answer(page(0, 3, 'narrow '));
  expect(await changed).toBeNull();
  await late.answer(page(400, 1_000_000));
  expect(rows.matching).toBe(3);
  expect(rows.row(400)).toBeUndefined();
});

test('of two queries the later wins, whichever is answered first', async () => {
  await start();
  const first = rows.setQuery('a');
  const second = rows.setQuery('ab');
  await asked[1]!.answer(page(0, 2, 'ab '));
  await asked[0]!.answer(page(0, 9, 'a '));
  expect(await first).toBe('overtaken');
  expect(await second).toBeNull();
  expect(rows.row(0)).toBe('ab 0');
});

test('a query that fails leaves the rows as they were', async () => {
  await start(5);
  const outcome = rows.setQuery('tag:');
  await asked[0]!.fail(fakeProblem('invalid_request', 'no value'));
  expect(await outcome).toMatchObject({ code: 'invalid_request' });
  expect(rows.matching).toBe(5);
  expect(rows.row(4)).toBe('4');
});

test('a refresh keeps the old rows up until the new ones are here', async () => {
  await start(5);
  rows.refresh();
  expect(rows.row(0)).toBe('0');
  await asked[0]!.answer(page(0, 6, 'new '));
  expect(rows.row(0)).toBe('new 0');
  expect(rows.matching).toBe(6);
});

test('changes in quick succession are fetched once more and not each time', async () => {
  await start(5);
  for (let change = 0; change < 10; change++) rows.refresh();
  await asked[0]!.answer(page(0, 5));
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(REFRESH_PAUSE_MS);
  expect(asked).toHaveLength(2);
});

test('a change during a fetch has the page fetched again', async () => {
  await start(5);
  rows.refresh();
  await vi.advanceTimersByTimeAsync(REFRESH_PAUSE_MS);
  rows.refresh();
  expect(asked, 'one at a time').toHaveLength(1);
  await asked[0]!.answer(page(0, 5, 'old '));
  expect(asked).toHaveLength(2);
  await asked[1]!.answer(page(0, 5, 'new '));
  expect(rows.row(0)).toBe('new 0');
});

test('a store that was emptied is noticed', async () => {
  await start(0);
  rows.show(0, 0);
  rows.refresh();
  await asked[0]!.answer(page(0, 2));
  expect(rows.matching).toBe(2);
});

test('reading on names the last row of the page before, while that is as fresh', async () => {
  await start();
  rows.show(200, 230);
  expect(asked.at(-1)).toMatchObject({ offset: 200, after: null });
  await asked.at(-1)!.answer({ ...page(200, 1_000_000), next: 'n:399' });
  rows.show(400, 430);
  expect(asked.at(-1)).toMatchObject({ offset: 400, after: 'n:399' });
  rows.show(800, 830);
  expect(asked.at(-1)).toMatchObject({ offset: 800, after: null });
  rows.refresh();
  rows.show(600, 630);
  expect(asked.at(-1)).toMatchObject({ offset: 600, after: null });
});
