import { expect, test } from 'vitest';
import { Change } from './loaded.svelte';

/** Something that goes on until it is let go. */
function held() {
  let letGo = () => {};
  const done = new Promise<void>((resolve) => (letGo = resolve));
  return { work: () => done, letGo };
}

test('a second click does nothing', async () => {
  const change = new Change();
  const first = held();
  const done = change.run(first.work);
  expect(change.busy).toBe(true);
  let clicks = 0;
  expect(await change.run(() => Promise.resolve(void (clicks += 1)))).toBe(false);
  first.letGo();
  expect(await done).toBe(true);
  expect([change.busy, clicks]).toEqual([false, 0]);
});

test('settings that follow each other are all made, in their order', async () => {
  const change = new Change();
  const first = held();
  const made: string[] = [];
  const ends = [
    change.next(async () => {
      await first.work();
      made.push('first');
    }),
    change.next(() => Promise.reject(new Error('refused'))),
    change.next(() => Promise.resolve(void made.push('third'))),
  ];
  expect(made).toEqual([]);
  first.letGo();
  expect(await Promise.all(ends)).toEqual([true, false, true]);
  expect(made).toEqual(['first', 'third']);
  // What failed is said, though another one went well after it.
  expect(change.problem).not.toBeNull();
  expect(await change.next(() => Promise.resolve())).toBe(true);
  expect([change.busy, change.problem]).toEqual([false, null]);
});
