import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import type { Conflict, ConflictValue, Decision, Problem } from '$lib/ipc';
import { fakeProblem } from '$lib/ipc/fake';
import ConflictDialog from './ConflictDialog.svelte';

const value = (key: string, of: unknown, change: Partial<ConflictValue> = {}): ConflictValue => ({
  value: of,
  removed: false,
  key,
  by: 'Ben',
  at: '2026-11-20T13:03:00Z',
  imported: false,
  mine: false,
  ...change,
});

const CONFLICTS: Conflict[] = [
  {
    pointer: '/attributes/street',
    base: 'Bahnhofstrasse 3',
    values: [
      value('t1', 'Bahnhofstrasse 5'),
      value('m1', 'Bahnhofstrasse 7', { mine: true, by: 'Anna' }),
    ],
  },
  {
    pointer: '/attributes/orders',
    base: null,
    values: [value('m2', 3, { mine: true }), value('t2', null, { removed: true })],
  },
];

let decided: Decision[][];
let answer: Problem | null;

beforeEach(() => {
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  decided = [];
  answer = null;
});

function open(conflicts = CONFLICTS) {
  const onDecide = (decisions: Decision[]) => {
    decided.push(decisions);
    return Promise.resolve(answer);
  };
  render(ConflictDialog, { id: 'p-1', conflicts, onDecide, onClose: () => undefined });
}

const field = (name: string) => screen.getByRole('radiogroup', { name: `Conflict in ${name}` });
const radios = (name: string) => within(field(name)).getAllByRole('radio');
const checked = (name: string) =>
  radios(name).map((radio) => radio.getAttribute('aria-checked') === 'true');

test('before, mine and theirs stand in this order, with who and when, and what differs marked', () => {
  open();
  const [base, mine, theirs] = radios('street');
  expect(base?.textContent).toContain('Bahnhofstrasse 3');
  expect(mine?.textContent).toContain('you, on this device');
  expect(mine?.querySelector('ins')?.textContent).toBe('7');
  expect(theirs?.textContent).toContain('Ben');
  expect(theirs?.querySelector('ins')?.textContent).toBe('5');
  expect(radios('orders')[2]?.textContent).toContain('not set');
});

test('arrows choose, Enter applies what is chosen as one step', async () => {
  open();
  const [, mine] = radios('street');
  expect(mine?.tabIndex, 'where Tab arrives').toBe(0);
  await fireEvent.keyDown(mine!, { key: 'ArrowRight' });
  expect(checked('street')).toEqual([false, false, true]);
  expect(document.activeElement).toBe(radios('street')[2]);
  await fireEvent.keyDown(radios('street')[2]!, { key: 'ArrowRight' });
  expect(checked('street'), 'sides have places: nothing wraps').toEqual([false, false, true]);
  await fireEvent.keyDown(document.activeElement!, { key: 'ArrowDown' });
  await fireEvent.keyDown(document.activeElement!, { key: 'ArrowLeft' });
  expect(checked('orders')).toEqual([true, false, false]);
  await fireEvent.keyDown(document.activeElement!, { key: 'Enter' });
  expect(decided).toEqual([
    [
      { pointer: '/attributes/street', choice: { take: 'side', key: 't1' } },
      { pointer: '/attributes/orders', choice: { take: 'removed' } },
    ],
  ]);
});

test('a side is chosen for all fields at once; one of them can be chosen otherwise', async () => {
  open();
  await fireEvent.click(screen.getByRole('button', { name: 'All theirs' }));
  expect(checked('street')).toEqual([false, false, true]);
  expect(checked('orders')).toEqual([false, false, true]);
  await fireEvent.click(radios('street')[0]!);
  await fireEvent.click(screen.getByRole('button', { name: 'Decide all 2 conflicts' }));
  expect(decided[0]?.map(({ choice }) => choice)).toEqual([
    { take: 'value', value: 'Bahnhofstrasse 3' },
    { take: 'side', key: 't2' },
  ]);
});

test('a value by hand keeps the type, and what cannot be read is not sent', async () => {
  open();
  await fireEvent.keyDown(radios('orders')[1]!, { key: 'e' });
  const input = screen.getByRole('textbox', { name: 'Another value for orders' });
  expect((input as HTMLInputElement).value).toBe('3');
  await fireEvent.input(input, { target: { value: 'many' } });
  expect(screen.getByRole('alert').textContent).toContain('Not a number');
  const apply = screen.getByRole<HTMLButtonElement>('button', { name: 'Decide 0 of 2' });
  expect(apply.disabled).toBe(true);
  await fireEvent.input(input, { target: { value: '4' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Decide 1 of 2' }));
  expect(decided).toEqual([
    [{ pointer: '/attributes/orders', choice: { take: 'value', value: 4 } }],
  ]);
});

test('a deletion beside an edit has two sides and no third', async () => {
  open([
    {
      pointer: '',
      values: [value('kept', false, { mine: true }), value('deleted', true)],
    },
  ]);
  const sides = radios('Delete the profile?');
  expect(sides.map((side) => side.textContent)).toEqual([
    expect.stringContaining('Changed, and kept'),
    expect.stringContaining('Deleted'),
  ]);
  await fireEvent.click(sides[1]!);
  await fireEvent.click(screen.getByRole('button', { name: 'Decide the conflict' }));
  expect(decided).toEqual([[{ pointer: '', choice: { take: 'side', key: 'deleted' } }]]);
});

test('what could not be decided says why, and the choices stay', async () => {
  answer = fakeProblem('not_found', 'no such conflict any more');
  open();
  await fireEvent.click(screen.getByRole('button', { name: 'All mine' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Decide all 2 conflicts' }));
  await screen.findByText('no such conflict any more');
  expect(checked('street')).toEqual([false, true, false]);
});
