import { fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, expect, test } from 'vitest';
import bfi from '../../../../schemas/behavior/bfi.v1.json';
import { locale } from '$lib/i18n.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost } from '$lib/ipc/fake';
import { behaviorAnswers, fakeSchema } from '$lib/ipc/fake-behavior';
import { Calibrations } from './calibrations.svelte';
import SchemaDialog from './SchemaDialog.svelte';

interface Written {
  name: string;
  version: number;
  signals: Record<string, unknown>[];
  dimensions: { name: string; weights: Record<string, number> }[];
}

let host: FakeHost;
let calibrations: Calibrations;
let closed: string[];

beforeEach(async () => {
  host = new FakeHost(behaviorAnswers(() => host));
  calibrations = new Calibrations(new Ipc(host));
  closed = [];
  await calibrations.load();
});

/** Answers as the program does where nothing is wrong. */
function good() {
  host.answer('check_behavior_schema', ({ text }) => {
    const { name, version } = JSON.parse(text) as Written;
    return { schema: { ...fakeSchema, name, version }, pointer: null, reason: null };
  });
}
function wrong(pointer: string, reason: string) {
  host.answer('check_behavior_schema', () => ({ schema: null, pointer, reason }));
}
function open(text: string) {
  calibrations.editing = text;
  render(SchemaDialog, { calibrations, onClose: () => closed.push('closed') });
}
const asked = () =>
  host.requests('check_behavior_schema').at(-1) as { text: string; keep: boolean };
const written = () => JSON.parse(asked().text) as Written;
const row = (name: RegExp) => screen.getByRole('button', { name, expanded: false });
const type = (field: HTMLElement, value: string) => fireEvent.input(field, { target: { value } });
const button = (name: string) => screen.getByRole('button', { name });
const tab = (name: string) => fireEvent.click(screen.getByRole('tab', { name }));

test('a schema is made from nothing: names are all that it lacks', async () => {
  good();
  open('');
  expect(screen.getByText('Give the schema, its signal and its trait a name.')).toBeTruthy();
  // What is still empty is no mistake yet.
  expect(document.querySelector('[aria-invalid=true]')).toBeNull();
  const [schema, signal, trait] = screen.getAllByRole('textbox', { name: 'Name' });
  expect(document.activeElement).toBe(schema);
  await type(schema!, 'own');
  await type(signal!, 'steps');
  await type(trait!, 'activity');
  await waitFor(() => expect(button('Keep')).toHaveProperty('disabled', false));
  expect(written()).toEqual({
    schema: 'behavior_schema.v1',
    name: 'own',
    version: 1,
    signals: [{ name: 'steps', kind: 'level' }],
    dimensions: [{ name: 'activity', weights: { steps: 1 } }],
  });
  await fireEvent.click(button('Keep'));
  await waitFor(() => expect(closed).toEqual(['closed']));
  expect(asked().keep).toBe(true);
});

test('a name that was left empty is told in both languages, at its field', async () => {
  locale.choose('de');
  wrong('/name', 'a name has 1 to 64 characters and no blanks around them');
  open('');
  const [name] = screen.getAllByRole('textbox', { name: 'Name' });
  await fireEvent.blur(name!);
  expect(name!.getAttribute('aria-invalid')).toBe('true');
  const told = document.getElementById(name!.getAttribute('aria-describedby')!);
  expect(told?.textContent?.trim()).toBe('Der Name fehlt.');
});

test('what the program tells stands at the field it means, and opens its row', async () => {
  wrong('/signals/3/direction', 'another reason');
  open(JSON.stringify(bfi));
  const field = await screen.findByRole('combobox', { name: 'Direction' });
  expect(field.getAttribute('aria-invalid')).toBe('true');
  const told = document.getElementById(field.getAttribute('aria-describedby')!);
  expect(told?.textContent?.trim()).toBe('another reason');
  expect(told?.lang).toBe('en');
  expect(screen.getAllByRole('button', { expanded: true })).toHaveLength(1);
  expect(screen.getByRole('group', { name: 'A4' })).toBeTruthy();
  await fireEvent.click(button('Go there'));
  expect(document.activeElement).toBe(field);
});

test('text that is no JSON stays text, with the reason; what is JSON is shown as it says', async () => {
  good();
  open(fakeSchema.text);
  await tab('JSON');
  const text = () => screen.getByRole('textbox', { name: 'Schema as JSON' });
  wrong('', 'no valid JSON at byte 2: expected a name');
  await type(text(), '{,');
  await tab('Form');
  expect(screen.getByText('The form can show this once it is JSON.')).toBeTruthy();
  expect(text()).toHaveProperty('value', '{,');
  await screen.findByText('no valid JSON at byte 2: expected a name');
  const odd = '{"name":"x",\n\n "version":3, "note":1,\n"signals":[{"name":"a"}]}';
  await type(text(), odd);
  await tab('Form');
  expect(screen.getByRole('textbox', { name: 'Version' })).toHaveProperty('value', '3');
  // Looking at the form alone changes nothing of how it was written.
  await tab('JSON');
  expect(text()).toHaveProperty('value', odd);
});

test('a version that is kept offers the next one', async () => {
  good();
  open(JSON.stringify(bfi));
  await screen.findByText('bfi 1: 2 signals, 1 trait');
  expect(screen.getByText(/bfi 1 is kept already/)).toBeTruthy();
  expect(button('Keep')).toHaveProperty('disabled', true);
  await fireEvent.click(button('Make it version 2'));
  await screen.findByText('bfi 2: 2 signals, 1 trait');
  expect(written()).toEqual({ ...bfi, version: 2 });
  expect(button('Keep')).toHaveProperty('disabled', false);
});

test('a signal that is removed says from where it goes, and comes back', async () => {
  good();
  open(JSON.stringify(bfi));
  await fireEvent.click(row(/^A2/));
  await fireEvent.click(button('Remove'));
  expect(screen.getByText('A2 was removed, also from Agreeableness')).toBeTruthy();
  await waitFor(() => expect(written().signals).toHaveLength(24));
  expect(written().dimensions[0]?.weights).toEqual({ A1: 1, A3: 1, A4: 1, A5: 1 });
  expect(document.activeElement?.textContent).toContain('A3');
  await fireEvent.click(button('Undo: A2'));
  await waitFor(() => expect(written().signals).toEqual(bfi.signals));
});

test('rows go up and down by the keyboard, and the focus goes with them', async () => {
  good();
  open(JSON.stringify(bfi));
  const first = row(/^A1/);
  first.focus();
  await fireEvent.keyDown(first, { key: 'ArrowDown', altKey: true });
  await waitFor(() =>
    expect(
      written()
        .signals.slice(0, 2)
        .map(({ name }) => name),
    ).toEqual(['A2', 'A1']),
  );
  expect(document.activeElement).toBe(row(/^A1/));
  expect(screen.getByText('A1 is now 2 of 25')).toBeTruthy();
  await fireEvent.keyDown(first, { key: 'ArrowDown' });
  expect(document.activeElement).toBe(row(/^A3/));
});

test('a weight is typed, a signal is added by its title, and shares follow', async () => {
  good();
  open(JSON.stringify(bfi));
  await fireEvent.click(row(/^openness/));
  const table = screen.getByRole('table', { name: 'Weights of Openness' });
  await type(within(table).getByRole('textbox', { name: 'Weight of O1' }), '3');
  const adder = screen.getByRole('combobox', { name: 'Add a signal' });
  await type(adder, 'comfort');
  await fireEvent.keyDown(adder, { key: 'ArrowDown' });
  await fireEvent.keyDown(adder, { key: 'Enter' });
  await waitFor(() =>
    expect(written().dimensions[4]?.weights).toEqual({ O1: 3, O2: 1, O3: 1, O4: 1, O5: 1, A3: 1 }),
  );
  const cells = within(table).getAllByRole('row')[1]?.textContent;
  expect(cells).toMatch(/O1.*37\.5/);
  expect(within(table).getByRole('row', { name: /^Sum/ }).textContent).toContain('8');
});

test('a signal that is in no trait is pointed out', async () => {
  good();
  open(JSON.stringify({ ...bfi, dimensions: [{ name: 'd', weights: { A1: 1 } }] }));
  expect(screen.getAllByText('in no trait')).toHaveLength(24);
  await fireEvent.click(row(/^A2/));
  await type(screen.getByRole('textbox', { name: 'd' }), '0.5');
  await waitFor(() => expect(written().dimensions[0]?.weights).toEqual({ A1: 1, A2: 0.5 }));
  expect(screen.getAllByText('in no trait')).toHaveLength(23);
});

test('closing asks where something was changed', async () => {
  good();
  open(JSON.stringify(bfi));
  const name = screen.getByRole('textbox', { name: 'Name' });
  await type(name, 'own');
  name.focus();
  await fireEvent.click(button('Cancel'));
  expect(closed).toEqual([]);
  expect(screen.getByRole('alert').textContent).toBe('Close without keeping what you changed?');
  await fireEvent.click(button('Cancel'));
  expect(screen.queryByRole('alert')).toBeNull();
  await waitFor(() => expect(document.activeElement).toBe(name));
  await fireEvent.click(button('Close'));
  await fireEvent.click(button('Discard changes'));
  expect(closed).toEqual(['closed']);
});

test('closing asks nothing where nothing was changed', async () => {
  good();
  open(JSON.stringify(bfi));
  await tab('JSON');
  await tab('Form');
  await fireEvent.click(button('Cancel'));
  expect(closed).toEqual(['closed']);
});

test('numbers are written as the language does, and what is no number is not lost', async () => {
  locale.choose('de');
  good();
  open(fakeSchema.text);
  await fireEvent.click(row(/^a/));
  const field = () => screen.getByRole('textbox', { name: 'Verlässlichkeit' });
  await type(field(), '0,8');
  await waitFor(() => expect(written().signals[0]).toMatchObject({ reliability: 0.8 }));
  await type(field(), 'viel');
  await fireEvent.blur(field());
  expect(field()).toHaveProperty('value', 'viel');
  expect(field().getAttribute('aria-invalid')).toBe('true');
  await waitFor(() => expect(written().signals[0]).toMatchObject({ reliability: 'viel' }));
  await type(field(), '');
  await waitFor(() => expect(written().signals[0]).toEqual({ name: 'a', kind: 'level' }));
});

test('of 512 signals only those that somebody opened have fields', async () => {
  good();
  const signals = Array.from({ length: 512 }, (_, at) => ({ name: `s${at}`, kind: 'level' }));
  const weights = Object.fromEntries(signals.map(({ name }) => [name, 1]));
  open(JSON.stringify({ ...bfi, signals, dimensions: [{ name: 'd', weights }] }));
  // Looked for by selectors: roles of so many elements take seconds.
  const rows = document.querySelectorAll('[data-row]');
  expect(rows).toHaveLength(513);
  await fireEvent.click(rows[255]!);
  const fields = document.querySelectorAll<HTMLElement>('dialog li input');
  expect(fields.length).toBeLessThan(20);
  await type(fields[0]!, 'step');
  await waitFor(() => expect(written().dimensions[0]?.weights).toMatchObject({ step: 1 }));
});
