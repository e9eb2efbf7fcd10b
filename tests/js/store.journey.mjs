// The store through the window: a file with mistakes is checked and imported, its rejected lines
// are saved, mended and imported; the list is filtered, ordered and picked from; many profiles are
// edited in one step, which is taken back and done again; exports; an earlier state; the history of
// imports and its undo; a watched folder; the data folder itself.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { movesOn, openPage } from './lib/browser.mjs';
import { GOOD, WRONG, writeWithMistakes } from './lib/mended.mjs';
import { kartei, program, startReady, temporaryFolder } from './lib/processes.mjs';

const ui = fileURLToPath(new URL('../../ui/dist', import.meta.url));
const folder = temporaryFolder();
const data = join(folder.path, 'here');
const downloads = join(folder.path, 'downloads');
const watched = join(folder.path, 'watched');
const file = join(folder.path, 'mistakes.ndjson');
const mended = join(folder.path, 'mended.ndjson');

let host;
let browser;
let page;
let faults;
let row;
let goTo;
let set;
let choose;
let picture;

const button = (name, exact = true) => page.getByRole('button', { name, exact });
const filter = () => page.getByLabel('Filter profiles');
const count = (n, total = GOOD) => page.getByText(`${n} of ${total}`, { exact: true });
const note = () => page.getByRole('status').filter({ has: button('Dismiss') });
const dialog = () => page.getByRole('dialog');

/** The file that a text names, once it is there. */
async function savedPath(within) {
  const path = await within.locator('code').first().innerText();
  assert.ok(existsSync(path), `${path} was written`);
  return path;
}

before(async () => {
  for (const path of [downloads, watched]) mkdirSync(path);
  writeWithMistakes(file);
  const serve = ['--data', data, '--ui', ui, '--listen', '127.0.0.1:0'];
  const ready = 'kartei-dev-host listening on ';
  host = await startReady(program('kartei-dev-host'), serve, ready, {
    env: { XDG_DOWNLOAD_DIR: downloads },
  });
  ({ browser, page, faults } = await openPage(host.rest));
  ({ row, goTo, set, choose, picture } = movesOn(page));
});

after(async () => {
  await browser?.close();
  await host?.stop();
  folder.remove();
});

test('a file is checked before anything of it is written', async () => {
  await button('More ways to import').click();
  await choose(() => page.getByRole('menuitem', { name: 'Check only…', exact: true }).click(), file);
  const check = page.getByRole('article', { name: 'Check of mistakes.ndjson' });
  await check.getByText('Checked; nothing was written').waitFor();
  await check.getByText(`${GOOD} profiles would be imported, ${WRONG.length} rejected`).waitFor();
  assert.equal((await kartei(data, 'list')).matching, 0, 'nothing was written');
  await picture('check');
});

test('the import tells what is wrong, where, and how to mend it', async () => {
  await button('Import now').click();
  const run = page.getByRole('article', { name: 'Import mistakes.ndjson' });
  await run.getByText(`${GOOD} profiles imported, ${WRONG.length} rejected`).waitFor();
  const kinds = run.getByRole('table', { name: 'Problems by kind' });
  for (const { rule, line } of WRONG) {
    const told = kinds.getByRole('row').filter({ has: page.getByText(rule, { exact: true }) });
    await told.getByText(`line ${line}`).first().waitFor();
  }
  await picture('mistakes');
});

test('the rejected lines are saved as they were, mended, and imported', async () => {
  const run = page.getByRole('article', { name: 'Import mistakes.ndjson' });
  await run.getByRole('button', { name: 'Save rejected lines' }).click();
  const saved = run.getByRole('status').filter({ hasText: 'Written to' });
  await saved.waitFor();
  const rejected = readFileSync(await savedPath(saved), 'utf8').trimEnd().split('\n');
  assert.deepEqual(rejected, WRONG.map(({ text }) => text));
  await run.getByRole('button', { name: 'Save problems as CSV' }).click();
  await saved.getByText('.csv').waitFor();
  const rows = readFileSync(await savedPath(saved), 'utf8').trimEnd().split('\n');
  assert.equal(rows.length, WRONG.length + 1, 'a header and a row for each problem');

  const lines = rejected.map((_, at) =>
    JSON.stringify({ schema: 'user_profile.v1', id: `mended-${at}`, tags: ['mended'] }),
  );
  writeFileSync(mended, `${lines.join('\n')}\n`);
  await choose(() => button('Import…').click(), mended);
  await page.getByText(`${WRONG.length} profiles imported`, { exact: true }).waitFor();
});

test('a mistake in a filter is marked in its place, and the list stays', async () => {
  const total = GOOD + WRONG.length;
  await goTo('Profiles');
  await count(total, total).waitFor();
  await set(filter(), 'tag:mended and (observations>');
  const alert = page.getByRole('alert');
  await alert.getByText('The list still shows the last filter').waitFor();
  assert.equal(await filter().getAttribute('aria-invalid'), 'true');
  assert.equal(await filter().getAttribute('aria-describedby'), await alert.getAttribute('id'));
  await count(total, total).waitFor();
  await picture('filter-wrong');
  await filter().fill('');
  await button('What a filter can say').click();
  await picture('filter-help');
  await button('Add has:city to the filter').click();
  assert.equal(await filter().inputValue(), 'has:city');
  await set(filter(), 'tag:mended');
  await alert.waitFor({ state: 'detached' });
  await count(WRONG.length, total).waitFor();
});

test('the list is ordered from the menu and from its headers', async () => {
  await button('Order: ID').click();
  await page.getByRole('menuitemradio', { name: 'Descending' }).click();
  const first = page.getByRole('grid').getByRole('row').nth(1);
  await first.filter({ hasText: `mended-${WRONG.length - 1}` }).waitFor();
  const header = page.getByRole('columnheader', { name: 'ID' });
  assert.equal(await header.getAttribute('aria-sort'), 'descending');
  await header.getByRole('button').click();
  await first.filter({ hasText: 'mended-0' }).waitFor();
});

test('many profiles are edited in one step, which is undone and done again by keys', async () => {
  const tagged = async () => (await kartei(data, 'list', '--filter', 'tag:spring')).matching;
  await row('mended-0').click({ modifiers: ['ControlOrMeta'] });
  await row('mended-2').click({ modifiers: ['Shift'] });
  await page.getByText('3 selected').waitFor();
  await page.keyboard.press('ControlOrMeta+a');
  await page.getByText(`${WRONG.length} selected`).waitFor();
  await row('mended-3').getByRole('checkbox').click();
  await page.getByText(`${WRONG.length - 1} selected`).waitFor();
  await picture('picked');
  await button('Edit…').click();
  await dialog().getByLabel('Tag', { exact: true }).fill('spring');
  await picture('bulk');
  await button(`Edit ${WRONG.length - 1} profiles`).click();
  await note().getByText(`${WRONG.length - 1} profiles changed`).waitFor();
  assert.equal(await tagged(), WRONG.length - 1, 'the exception stayed as it was');
  await picture('bulk-told');
  await page.keyboard.press('ControlOrMeta+z');
  await note().getByText(`Undone for ${WRONG.length - 1} profiles`).waitFor();
  assert.equal(await tagged(), 0);
  await page.keyboard.press('ControlOrMeta+Shift+z');
  await note().getByText(`Done again for ${WRONG.length - 1} profiles`).waitFor();
  assert.equal(await tagged(), WRONG.length - 1);
});

test('the last steps say what was done, and Ctrl+Z in a field is the field’s own', async () => {
  await button('Show last steps').click();
  await dialog().getByText(`${WRONG.length - 1} profiles`).first().waitFor();
  await picture('steps');
  await page.keyboard.press('Escape');
  await filter().focus();
  await page.keyboard.press('ControlOrMeta+z');
  const { matching } = await kartei(data, 'list', '--filter', 'tag:spring');
  assert.equal(matching, WRONG.length - 1, 'no step was taken back');
});

test('what is picked, what matches and everything can be exported', async () => {
  await set(filter(), 'tag:spring');
  await count(WRONG.length - 1, GOOD + WRONG.length).waitFor();
  await button('Export…').click();
  await dialog().getByRole('radio', { name: /^NDJSON one/ }).check();
  await picture('export');
  await button(`Export ${WRONG.length - 1} profiles`).click();
  await note().getByText(`${WRONG.length - 1} profiles exported`).waitFor();
  const written = readFileSync(await savedPath(note()), 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    written.map((line) => JSON.parse(line).id).sort(),
    ['mended-0', 'mended-1', 'mended-2'],
  );
  await button('Export…').click();
  await dialog().getByRole('radio', { name: `All ${GOOD + WRONG.length}` }).check();
  await dialog().getByRole('radio', { name: /^Parquet/ }).check();
  await button(`Export ${GOOD + WRONG.length} profiles`).click();
  await note().getByText(`${GOOD + WRONG.length} profiles exported`).waitFor();
  const parquet = readFileSync(await savedPath(note()));
  assert.equal(parquet.subarray(0, 4).toString(), 'PAR1');
});

test('an earlier state is looked at and restored', async () => {
  await row('mended-0').click();
  const inspector = page.getByRole('article', { name: 'Profile mended-0' });
  await inspector.getByRole('tab', { name: 'History' }).click();
  await inspector.getByRole('button', { name: /^View as it was after: First content/ }).click();
  const version = inspector.getByRole('region', { name: 'As it was then' });
  await version.getByText('now: mended, spring').waitFor();
  await picture('version');
  await version.getByRole('button', { name: 'Restore' }).click();
  await dialog().getByText('1 field changes: Tags.').waitFor();
  await dialog().getByRole('button', { name: 'Restore' }).click();
  await version.waitFor({ state: 'detached' });
  assert.deepEqual((await kartei(data, 'show', 'mended-0')).record.tags, ['mended']);
});

test('an import is undone only where nothing was built on it', async () => {
  await goTo('Imports');
  await button('Undo import of mended.ndjson').click();
  await dialog().getByText(`${WRONG.length} profiles`).waitFor();
  await dialog().getByRole('button', { name: 'Undo import' }).click();
  const reasons = page.getByRole('dialog', { name: /stayed as/ });
  await reasons.getByText('mended-').first().waitFor();
  await picture('obstacles');
  await page.keyboard.press('Escape');
  assert.equal((await kartei(data, 'list', '--filter', 'tag:mended')).matching, WRONG.length);
  await button('Undo import of mistakes.ndjson').click();
  await dialog().getByRole('button', { name: 'Undo import' }).click();
  await note().getByText(`Import undone, ${GOOD} profiles`).waitFor();
  await page.getByRole('list', { name: 'Import history' }).getByText('Undone').waitFor();
  await picture('past');
  assert.equal((await kartei(data, 'list')).matching, WRONG.length);
});

test('a file that is put into a watched folder is imported', async () => {
  const path = page.getByLabel('Path of a folder');
  await set(path, join(folder.path, 'nowhere'));
  await page.getByRole('alert').first().waitFor();
  await set(path, watched);
  await page.getByText('0 imported, 0 failed, 0 waiting').waitFor();
  const part = join(watched, 'more.ndjson.part');
  writeFileSync(part, '{"schema":"user_profile.v1","id":"watched-1"}\n');
  renameSync(part, join(watched, 'more.ndjson'));
  await page.getByText('1 imported, 0 failed, 0 waiting').waitFor();
  await page.getByText('watched folder', { exact: true }).waitFor();
  await picture('watched');
  await button(`Stop watching ${watched}`).click();
  await page.getByText('1 imported, 0 failed, 0 waiting').waitFor({ state: 'detached' });
});

test('a profile is deleted from its menu, listed as deleted, and comes back either way', async () => {
  const opened = page.getByRole('article', { name: 'Profile watched-1' });
  const remove = async () => {
    await opened.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete profile' }).click();
    await note().getByText('1 profile deleted').waitFor();
    await opened.waitFor({ state: 'detached' });
  };
  await goTo('Profiles');
  await set(filter(), '');
  await set(page.getByLabel('Search profiles'), 'watched-1');
  await row('watched-1').click();
  await remove();
  await picture('deleted-note');
  await note().getByRole('button', { name: 'Undo', exact: true }).click();
  await row('watched-1').click();
  await remove();
  await note().getByRole('link', { name: 'Show deleted' }).click();
  await page.getByRole('table', { name: 'Deleted' }).getByText('watched-1').waitFor();
  await picture('deleted');
  assert.equal((await kartei(data, 'list', '--filter', 'id:watched-1')).matching, 0);
  await button('Restore watched-1').click();
  await page.getByText('Restored', { exact: true }).waitFor();
  await page.getByText('Nothing deleted').waitFor();
  await page.getByRole('link', { name: 'Open profile' }).click();
  await opened.waitFor();
});

test('the data folder is checked, copied and compacted', async () => {
  await goTo('Settings');
  await goTo('Data folder');
  await button('Check').click();
  await page.getByText('everything agrees').waitFor();
  await button('Back up').click();
  const copied = page.getByRole('status').filter({ hasText: 'Written to' });
  await copied.waitFor();
  await savedPath(copied);
  await button('Compact').click();
  await page.getByText(/ before, .* now/).waitFor();
  await picture('store');
});

test('all of it is there in German and in the dark', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await button('DE Deutsch').click();
  await page.getByRole('region', { name: 'Datenordner' }).waitFor();
  await picture('store-de-dark');
  await goTo('Importe');
  await page.getByRole('heading', { name: 'Importverlauf' }).waitFor();
  await picture('past-de-dark');
  await goTo('Profile');
  await page.getByRole('grid', { name: 'Profile' }).waitFor();
  await picture('list-de-dark');
});

test('the page logged no fault on the whole way', () => assert.deepEqual(faults, []));
