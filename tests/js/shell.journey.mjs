// The shell around the views, mostly by keyboard: a first start with the sample data, the palette,
// places by two keys, settings that show at once and are kept, the log, a diagnostic bundle, and the
// sample's end.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { movesOn, openPage } from './lib/browser.mjs';
import { kartei, program, startReady, temporaryFolder } from './lib/processes.mjs';

/** What the sample has; tests/fixtures/data/README.md. */
const SAMPLE = '2,800';

const ui = fileURLToPath(new URL('../../ui/dist', import.meta.url));
const folder = temporaryFolder();
const data = join(folder.path, 'data');
const downloads = join(folder.path, 'downloads');

let host;
let browser;
let page;
let faults;
let row;
let picture;

const button = (name, exact = true) => page.getByRole('button', { name, exact });
const heading = (name) => page.getByRole('heading', { name, exact: true, level: 1 });
// In both languages.
const PALETTE = /^(Run a command or go to a profile|Befehl ausführen oder zu einem Profil gehen)$/;
const palette = () => page.getByRole('combobox', { name: PALETTE });
const option = (name) => page.getByRole('option', { name });
const press = (...keys) => keys.reduce((all, key) => all.then(() => page.keyboard.press(key)), Promise.resolve());

/** Opens the palette and waits until it listens: letters before that are the page's. */
async function openPalette() {
  await press('Control+k');
  await palette().and(page.locator(':focus')).waitFor();
}

/** Runs a command by some of its letters. */
async function run(letters) {
  await openPalette();
  await page.keyboard.type(letters);
  await press('Enter');
  await palette().waitFor({ state: 'detached' });
}

before(async () => {
  mkdirSync(downloads);
  const serve = ['--data', data, '--ui', ui, '--listen', '127.0.0.1:0'];
  host = await startReady(program('kartei-dev-host'), serve, 'kartei-dev-host listening on ', {
    env: { XDG_DOWNLOAD_DIR: downloads },
  });
  ({ browser, page, faults } = await openPage(host.rest));
  ({ row, picture } = movesOn(page));
});

after(async () => {
  await browser?.close();
  await host?.stop();
  folder.remove();
});

test('an empty data folder offers ways to begin', async () => {
  await page.getByRole('heading', { name: 'Start with Kartei' }).waitFor();
  for (const name of ['Load sample data', 'Connect to a relay', 'Import…']) {
    await button(name).waitFor();
  }
  await picture('start');
});

test('a relay that is not there is told in place, and nothing is kept', async () => {
  await button('Connect to a relay').click();
  // The field that was asked for has the focus.
  await page.keyboard.type('http://127.0.0.1:9');
  await press('Tab');
  await page.keyboard.type('not-a-token');
  await press('Enter');
  await page.getByText('The relay cannot be reached.').first().waitFor();
  await picture('start-relay');
  assert.equal((await kartei(data, 'status')).state, 'local');
});

test('the sample data comes with one press', async () => {
  await button('Load sample data').focus();
  await press('Enter');
  await page.getByText(`${SAMPLE} of ${SAMPLE}`).waitFor();
  await button('Remove sample data').waitFor();
  await picture('sample');
});

test('the palette finds a profile by its id, and gives the focus back when it is left', async () => {
  await press('j');
  const before = await page.evaluate(() => document.activeElement.textContent);
  await openPalette();
  await option(/Imports/).first().waitFor();
  await picture('palette');
  await press('Escape');
  await palette().waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), before);
  await openPalette();
  await page.keyboard.type('bfi-6162');
  await option('bfi-61620').waitFor();
  await picture('palette-profile');
  await press('Enter');
  await page.getByRole('article', { name: 'Profile bfi-61620' }).waitFor();
});

test('the palette acts on the open profile', async () => {
  await run('delete prof');
  await page.getByRole('status').getByText('bfi-61620').waitFor();
  assert.equal((await kartei(data, 'list', '--filter', 'id:bfi-61620')).matching, 0);
  await press('Control+z');
  await page.getByText(`${SAMPLE} of ${SAMPLE}`).waitFor();
});

test('two keys go to each place, and the focus goes along', async () => {
  const places = { i: 'Imports', u: 'Uploads', a: 'Analyses', r: 'Calibration', n: 'Notifications' };
  const others = { s: 'Sync', d: 'Deleted', e: 'Settings', p: 'Profiles' };
  for (const [key, name] of Object.entries({ ...places, ...others })) {
    await press('g', key);
    await heading(name).waitFor();
    await picture(`place-${name.toLowerCase()}`);
  }
  assert.equal(await page.getByRole('link', { name: 'Administration' }).count(), 0, 'not for all');
});

test('every command that has keys is listed', async () => {
  await press('?');
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  for (const name of ['Go to', 'List of profiles', 'Open profile', 'Window']) {
    await dialog.getByRole('region', { name }).waitFor();
  }
  await picture('shortcuts');
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
});

test('rows get closer by a command, at once, and stay so', async () => {
  const height = async () => (await row('bfi-61617').boundingBox()).height;
  assert.equal(await height(), 28);
  await run('compact rows');
  assert.equal(await height(), 24);
  await page.reload();
  await row('bfi-61617').waitFor();
  assert.equal(await height(), 24);
  await run('relaxed rows');
  assert.equal(await height(), 34);
  await run('normal rows');
});

test('language and theme are settings that show at once', async () => {
  await press('Control+,');
  await heading('Settings').waitFor();
  await picture('settings');
  await page.getByText('Deutsch', { exact: true }).click();
  await heading('Einstellungen').waitFor();
  await page.getByText('Dunkel', { exact: true }).click();
  await picture('settings-de-dark');
  await page.reload();
  await heading('Einstellungen').waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await run('englisch');
  await run('light');
  await heading('Settings').waitFor();
});

test('the log tells what happened, and can be searched', async () => {
  await run('log');
  const entries = page.getByRole('table', { name: 'Log' });
  await entries.getByText('Data folder opened').first().waitFor();
  await picture('log');
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('created=2800');
  await entries.getByText('Import ended').waitFor();
  // The search waits for the hand to rest.
  await entries.getByRole('row').nth(2).waitFor({ state: 'detached' });
  assert.equal(await entries.getByRole('row').count(), 2, 'its header, and the one import');
});

test('a diagnostic bundle is looked at, and what is saved is that', async () => {
  await run('diagnos');
  await button('Prepare').click();
  await page.getByRole('tab', { name: 'store.json' }).click();
  await page.getByRole('tabpanel').getByText('"profiles": 2800').waitFor();
  await picture('diagnostics');
  await button('Save', false).click();
  const path = await page.getByRole('status').locator('code').first().innerText();
  const bundle = readFileSync(path, 'utf8');
  assert.ok(bundle.startsWith('PK') && bundle.includes('"profiles": 2800'));
  assert.ok(!bundle.includes('bfi-'), 'it names no profile');
});

test('the program says what it is', async () => {
  await run('about');
  await page.getByText('user_profile.v1').waitFor();
  await page.getByText(/^Chromium \d/).waitFor();
  await picture('about');
});

test('the sample goes with one press, and one can begin anew', async () => {
  await run('remove sample');
  // One of its profiles was deleted and is back: that is an edit, which is asked about.
  const dialog = page.getByRole('dialog', { name: 'Remove sample data' });
  await dialog.getByRole('button', { name: 'Remove sample data' }).click();
  await press('g', 'p');
  await page.getByRole('heading', { name: 'Start with Kartei' }).waitFor();
  assert.equal((await kartei(data, 'list')).total, 0);
});

test('the page logged no fault on the whole way', () => assert.deepEqual(faults, []));
