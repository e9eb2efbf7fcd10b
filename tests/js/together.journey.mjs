// Two people write in the same profiles: notes grow together, conflicts are decided side by side,
// and who deleted what the other has open is told.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deskAt } from './lib/desk.mjs';
import { kartei, startRelay, temporaryFolder } from './lib/processes.mjs';
import { until } from './lib/wait.mjs';

const folder = temporaryFolder();
const file = join(folder.path, 'together.ndjson');
const DAY_MS = 86_400_000;

let relay;
let anna;
let ben;

async function deskOf(name, more) {
  const desk = await deskAt(relay, folder.path, name, more);
  desk.notes = desk.page.getByRole('textbox', { name: 'Notes' });
  return desk;
}

/** Waits until a field holds this. */
const holds = (field, text) =>
  until(`a field with ${JSON.stringify(text)}`, async () => (await field.inputValue()) === text);

before(async () => {
  const observations = Array.from({ length: 3_000 }, (_, n) => ({
    id: `o-${n}`,
    signal: ['order.value', 'visit.seconds'][n % 2],
    value: Math.round(50 + 40 * Math.sin(n / 90) + (n % 7)),
    at: new Date(Date.UTC(2026, 0, 1) + (n * DAY_MS) / 10).toISOString(),
    source: 'shop',
  }));
  const person = (id, more = {}) =>
    JSON.stringify({ schema: 'user_profile.v1', id, attributes: { city: 'Bern', orders: 3 }, ...more });
  const lines = [
    person('anna-keller', { notes: 'Calls on Monday.', observations }),
    person('ben-okafor', { attributes: { street: 'Bahnhofstrasse 3', city: 'Bern' } }),
    person('cleo-perrin'),
    person('dana-ito'),
  ];
  writeFileSync(file, lines.join('\n'));
  relay = await startRelay(join(folder.path, 'relay'));
  anna = await deskOf('Anna', { file });
  ben = await deskOf('Ben');
});

after(async () => {
  for (const desk of [anna, ben]) await desk?.stop();
  await relay?.stop();
  folder.remove();
});

test('what another desk writes appears in the open field; cursor and letters stay', async () => {
  await anna.open('anna-keller');
  await ben.open('anna-keller');
  await ben.notes.focus();
  await ben.page.keyboard.press('Control+End');
  await ben.page.keyboard.type(' Likes');
  // Anna writes at the beginning while Ben stands at the end, in the middle of a sentence.
  await anna.notes.focus();
  await anna.page.keyboard.press('Control+Home');
  await anna.page.keyboard.type('VIP! ');
  await holds(ben.notes, 'VIP! Calls on Monday. Likes');
  await ben.page.keyboard.type(' tea.');
  const both = 'VIP! Calls on Monday. Likes tea.';
  await holds(ben.notes, both);
  await holds(anna.notes, both);
  const cursor = (desk) => desk.notes.evaluate((field) => [field.selectionStart, field.selectionEnd]);
  assert.deepEqual(await cursor(ben), [both.length, both.length]);
  assert.deepEqual(await cursor(anna), [5, 5]);
  await ben.picture('notes-together');
  const stored = await kartei(anna.data, 'show', 'anna-keller');
  assert.equal(stored.record.notes, both);
});

test('thousands of observations are lanes over time and a table, by keyboard', async () => {
  const pane = anna.inspector('anna-keller');
  await pane.getByRole('tab', { name: /Observations/ }).click();
  const lane = pane.getByRole('img', { name: /^order.value: 1,500 values/ });
  await lane.waitFor();
  await pane.locator('canvas').first().waitFor();
  await lane.focus();
  await anna.page.keyboard.press('Home');
  await pane.getByText(/^order.value: 50, 01\/01\/2026/).waitFor({ state: 'attached' });
  await anna.picture('timeline');
  await anna.page.emulateMedia({ colorScheme: 'dark' });
  await anna.picture('timeline-dark');
  await anna.page.emulateMedia({ colorScheme: 'light' });
  await anna.page.keyboard.press('t');
  await pane.getByText('200 of 3,000 shown').waitFor();
  await anna.page.keyboard.press('t');
  await lane.waitFor();
  await pane.getByRole('tab', { name: 'Overview' }).click();
});

/** Both set these fields of a profile without knowing of each other. */
async function part(id, own, other) {
  const set = (fields) => Object.entries(fields).flatMap(([name, value]) => ['--set', `attributes.${name}=${value}`]);
  await kartei(join(folder.path, 'Cleo'), 'edit', id, ...set(other));
  await kartei(anna.data, 'edit', id, ...set(own));
  await kartei(join(folder.path, 'Cleo'), 'sync');
}

test('all conflicts are in one list, and decided side by side by keyboard', async () => {
  // A third desk without a window, which syncs when it is told to.
  const cleo = join(folder.path, 'Cleo');
  await kartei(cleo, 'login', relay.url, '--token', await relay.token('analyst', 'Cleo'));
  await kartei(cleo, 'sync');
  await part('ben-okafor', { street: 'Bahnhofstrasse 7', city: 'Chur' }, { street: 'Bahnhofstrasse 5', city: 'Zug' });
  await part('cleo-perrin', { orders: 4 }, { orders: 5 });
  await anna.goTo('Conflicts');
  const rows = anna.page.getByRole('grid', { name: 'Conflicts' }).getByRole('row');
  const row = (text) => rows.filter({ hasText: text });
  await row(/ben-okafor.*street/).waitFor();
  await row(/ben-okafor.*city/).waitFor();
  await row('cleo-perrin').waitFor();
  await anna.picture('conflicts');
  await row(/ben-okafor.*street/).click();
  const dialog = anna.page.getByRole('dialog', { name: 'Decide the conflicts of ben-okafor' });
  await dialog.waitFor();
  const street = dialog.getByRole('radiogroup', { name: 'Conflict in street' });
  assert.equal(await street.locator('ins').count(), 2, 'what differs is marked on both sides');
  await dialog.getByRole('button', { name: 'All mine' }).click();
  await street.getByRole('radio', { checked: true }).focus();
  await anna.page.keyboard.press('ArrowRight');
  await anna.picture('conflict-dialog');
  await anna.page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await anna.page.getByText('2 conflicts decided').waitFor();
  await row('ben-okafor').first().waitFor({ state: 'detached' });
  const decided = await kartei(anna.data, 'show', 'ben-okafor');
  assert.deepEqual(decided.conflicts, []);
  assert.equal(decided.record.attributes.street, 'Bahnhofstrasse 5');
  assert.equal(decided.record.attributes.city, 'Chur');
});

test('several profiles are decided for one side as one step; undo opens the conflicts again', async () => {
  await part('dana-ito', { orders: 8 }, { orders: 9 });
  const rows = anna.page.getByRole('grid', { name: 'Conflicts' }).getByRole('row');
  await rows.filter({ hasText: 'dana-ito' }).waitFor();
  await rows.filter({ hasText: 'dana-ito' }).focus();
  await anna.page.keyboard.press('Control+a');
  await anna.page.getByText('2 selected').waitFor();
  const orders = async () => (await kartei(anna.data, 'show', 'dana-ito')).record.attributes.orders;
  // What every replica shows meanwhile does not change when it is chosen: the other side is.
  const shown = await orders();
  const side = shown === 9 ? 'All mine' : 'All theirs';
  await anna.page.getByRole('button', { name: side }).click();
  await anna.page.getByRole('heading', { name: 'No conflicts' }).waitFor();
  await anna.picture('conflicts-none');
  assert.equal(await orders(), shown === 9 ? 8 : 9);
  await anna.page.getByRole('status').getByRole('button', { name: 'Undo' }).click();
  await until('the values of before', async () => (await orders()) === shown);
  await anna.page.getByText('2 profiles are in conflict again, for everyone').waitFor();
  await rows.filter({ hasText: 'dana-ito' }).waitFor();
  const conflicts = async () => (await kartei(ben.data, 'show', 'dana-ito')).conflicts;
  await until('the conflict on the other desk', async () => (await conflicts()).length === 1);
  const sides = (await conflicts())[0].values.map((side) => [side.by, side.value]).sort();
  assert.deepEqual(sides, [['Anna', 8], ['Cleo', 9]], 'with both values and their people');
});

test('who deleted what is open is told, and it comes back from there', async () => {
  await anna.open('cleo-perrin');
  await kartei(ben.data, 'delete', 'cleo-perrin');
  await kartei(ben.data, 'sync');
  const pane = anna.inspector('cleo-perrin');
  await pane.getByText(/^Ben deleted this profile on/).waitFor();
  await anna.picture('deleted-elsewhere');
  await pane.getByRole('button', { name: 'Restore' }).click();
  await anna.notes.waitFor();
  await anna.page.getByText('Restored', { exact: true }).waitFor();
});

test('the pages logged no fault on the whole way', () => {
  assert.deepEqual(anna.faults, []);
  assert.deepEqual(ben.faults, []);
});
