// The table through the window, against the real store: facets that follow the filter, columns that
// are added, moved and kept, saved views with addresses, copies, and all of it by keys.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { movesOn, openPage } from './lib/browser.mjs';
import { kartei, program, startReady, temporaryFolder } from './lib/processes.mjs';

const ui = fileURLToPath(new URL('../../ui/dist', import.meta.url));
const folder = temporaryFolder();
const data = join(folder.path, 'here');
const PEOPLE = 3_000;
const CITIES = ['Bern', 'Basel', 'Chur'];

let host;
let browser;
let page;
let faults;
let row;
let set;
let picture;

const button = (name, exact = true) => page.getByRole('button', { name, exact });
const filter = () => page.getByLabel('Filter profiles');
const count = (n) => page.getByText(`${n.toLocaleString('en')} of 3,000`, { exact: true });
const facet = (name) => page.getByRole('region', { name, exact: true });
const heads = async () =>
  (await page.getByRole('columnheader').allInnerTexts()).map((text) => text.trim()).filter(Boolean);
const copied = () => page.evaluate(() => navigator.clipboard.readText());

function writePeople(path) {
  const lines = Array.from({ length: PEOPLE }, (_, n) =>
    JSON.stringify({
      schema: 'user_profile.v1',
      id: `p-${String(n).padStart(4, '0')}`,
      display_name: `Person ${n}`,
      tags: n % 3 === 0 ? ['vip'] : n % 3 === 1 ? ['new', 'two words'] : [],
      attributes: {
        city: CITIES[n % CITIES.length],
        score: n / 8,
        ...(n % 10 === 0 ? { rare: true } : {}),
      },
    }),
  );
  writeFileSync(path, `${lines.join('\n')}\n`);
}

before(async () => {
  const file = join(folder.path, 'people.ndjson');
  writePeople(file);
  await kartei(data, 'import', file);
  const serve = ['--data', data, '--ui', ui, '--listen', '127.0.0.1:0'];
  host = await startReady(program('kartei-dev-host'), serve, 'kartei-dev-host listening on ');
  ({ browser, page, faults } = await openPage(host.rest));
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  ({ row, set, picture } = movesOn(page));
  await row('p-0000').waitFor();
});

after(async () => {
  await browser?.close();
  await host?.stop();
  folder.remove();
});

test('facets count what is listed, and a click becomes text of the filter', async () => {
  await page.keyboard.press('f');
  await facet('city').getByRole('checkbox', { name: 'Bern, 1,000 profiles' }).click();
  await count(1_000).waitFor();
  assert.equal(await filter().inputValue(), 'attributes.city:"Bern"');
  // Its own choice does not narrow its facet; the others follow.
  await facet('city').getByRole('checkbox', { name: 'Basel, 1,000 profiles' }).click();
  await count(2_000).waitFor();
  await facet('Tags').getByRole('checkbox', { name: 'vip, 1,000 profiles' }).waitFor();
  await facet('Tags').getByRole('checkbox', { name: /^vip/ }).click({ modifiers: ['Alt'] });
  await count(1_000).waitFor();
  assert.match(await filter().inputValue(), /-tag:vip$/);
  await picture('facets');
  await facet('Tags').getByRole('checkbox', { name: /^vip/ }).click();
  // The click's own text is there before the field is cleared: filling selects, and deletes then.
  await count(2_000).waitFor();
  await set(filter(), '');
  await count(PEOPLE).waitFor();
});

test('a column is added from all that the data has, moved, and still there after a restart', async () => {
  await page.keyboard.press('Escape');
  await button('Columns').click();
  // All three fit at first.
  await button('Hide rare').click();
  await page.getByLabel('Find a column').fill('rar');
  await button('Show rare').click();
  await picture('columns');
  await page.keyboard.press('Alt+ArrowUp');
  await page.keyboard.press('Escape');
  assert.equal((await heads()).at(-2), 'rare');
  await page.getByRole('columnheader', { name: 'Tags' }).getByRole('button').focus();
  await page.keyboard.press('Delete');
  assert.ok(!(await heads()).includes('Tags'));
  const kept = await heads();
  // It is written when the hand has come to rest.
  await page.waitForResponse((response) => response.url().includes('keep_table_layout'));
  await page.reload();
  await row('p-0000').waitFor();
  assert.deepEqual(await heads(), kept);
});

test('a column is made wider by its edge, and moved by its label', async () => {
  const head = page.getByRole('columnheader', { name: 'Name' });
  const before = await head.boundingBox();
  const edge = { x: before.x + before.width - 1, y: before.y + 14 };
  await page.mouse.move(edge.x, edge.y);
  await page.mouse.down();
  await page.mouse.move(edge.x + 60, edge.y, { steps: 4 });
  await page.mouse.up();
  const after = await head.boundingBox();
  assert.ok(Math.abs(after.width - before.width - 60) <= 2, `${before.width} → ${after.width}`);
  const changed = await page.getByRole('columnheader', { name: 'Changed' }).boundingBox();
  await page.mouse.move(changed.x + changed.width - 30, changed.y + 14);
  await page.mouse.down();
  await page.mouse.move(after.x + 4, after.y + 14, { steps: 6 });
  await picture('column-dragged');
  await page.mouse.up();
  const names = await heads();
  assert.equal(names.indexOf('Changed') + 1, names.indexOf('Name'));
});

test('what the table says is saved as a view with an address and a title', async () => {
  await set(filter(), 'city:Chur');
  await count(1_000).waitFor();
  await row('p-0002').click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('v');
  await page.getByRole('menuitem', { name: 'Save as new view…' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Everybody in Chur');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Everybody in Chur' }).waitFor();
  assert.equal(await page.title(), 'Everybody in Chur – Kartei');
  const address = page.url();
  assert.match(address, /view=[0-9a-f]{32}/);
  await set(filter(), 'city:Chur has:rare');
  await page.getByText('edited', { exact: true }).waitFor();
  await picture('view-edited');
  await page.keyboard.press('Escape');
  await page.keyboard.press('v');
  await page.getByRole('menuitemradio', { name: 'All profiles' }).click();
  await count(PEOPLE).waitFor();
  await page.goto(address);
  await page.reload();
  await count(1_000).waitFor();
  assert.equal(await filter().inputValue(), 'city:Chur');
  await page.keyboard.press('v');
  await picture('views');
  await page.keyboard.press('Escape');
});

test('cells, rows as JSON and the selection as CSV are copied', async () => {
  await row('p-0002').focus();
  for (const key of ['ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
  await page.keyboard.press('ControlOrMeta+c');
  await page.getByText('Value copied').waitFor();
  assert.equal(await copied(), 'p-0002');
  await page.keyboard.press('Shift+F10');
  await picture('row-menu');
  await page.getByRole('menuitem', { name: 'Copy as JSON' }).click();
  await page.getByText('p-0002 copied as JSON').waitFor();
  assert.equal(JSON.parse(await copied()).attributes.score, 0.25);
  await row('p-0002').click({ modifiers: ['ControlOrMeta'] });
  await row('p-0005').click({ modifiers: ['ControlOrMeta'] });
  await page.keyboard.press('ControlOrMeta+c');
  await page.getByText('2 rows copied as CSV').waitFor();
  const [header, ...lines] = (await copied()).trimEnd().split('\r\n');
  assert.match(header, /^id,.*attributes\.rare/);
  assert.deepEqual(lines.map((line) => line.split(',')[0]), ['p-0002', 'p-0005']);
  await page.keyboard.press('Escape');
});

test('a value of a cell narrows the list and is excluded from it', async () => {
  await set(filter(), '');
  await count(PEOPLE).waitFor();
  const cell = row('p-0001').getByRole('gridcell', { name: 'Basel' });
  await cell.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Without Basel' }).click();
  await count(2_000).waitFor();
  assert.equal(await filter().inputValue(), '-attributes.city:"Basel"');
});

test('a filter is completed with what the profiles have, by keys', async () => {
  await set(filter(), '');
  await filter().focus();
  await page.keyboard.type('ci');
  await page.getByRole('option', { name: 'city: 3,000' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.type('Ch');
  await page.getByRole('option', { name: 'Chur 1,000' }).waitFor();
  await picture('completion');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await count(1_000).waitFor();
  assert.equal(await filter().inputValue(), 'city:Chur');
  await set(filter(), '');
  await count(PEOPLE).waitFor();
});

test('every row is reached by keys', async () => {
  await row('p-0000').focus();
  await page.keyboard.press('End');
  await row('p-2999').waitFor();
  await page.keyboard.press('PageUp');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Control+Home');
  await row('p-0000').waitFor();
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('role'));
  assert.equal(await focused(), 'gridcell');
});

test('the table is there in German and in the dark', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await button('DE Deutsch').click();
  await page.getByRole('complementary', { name: 'Facetten' }).waitFor();
  await picture('table-de-dark');
  await button('Spalten').click();
  await picture('columns-de-dark');
});

test('the page logged no fault on the whole way', () => assert.deepEqual(faults, []));
