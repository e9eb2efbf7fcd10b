// The same window in an ordinary browser, through the dev host: import by choosing and by dropping
// a file, search, edit, sign in, meet a conflict and decide it; in English and German, light and
// dark.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { movesOn, openPage } from './lib/browser.mjs';
import { BAD_LINE, PEOPLE, writePeople } from './lib/people.mjs';
import { startProvider } from './lib/provider.mjs';
import {
  kartei,
  program,
  startReady,
  startRelay,
  temporaryFolder,
} from './lib/processes.mjs';
import { until } from './lib/wait.mjs';

const ui = fileURLToPath(new URL('../../ui/dist', import.meta.url));
const folder = temporaryFolder();
const data = join(folder.path, 'here');
const elsewhere = join(folder.path, 'elsewhere');
const file = join(folder.path, 'people.ndjson');
/** What the system's browser was given to open. */
const opened = join(folder.path, 'opened');

let provider;
let relay;
let host;
let browser;
let page;
let faults;
let row;
let goTo;
let set;
let picture;

const inspector = () => page.getByRole('article', { name: 'Profile anna-keller' });
const badge = () => page.getByRole('contentinfo', { name: 'Status' });
const value = (name) => inspector().getByLabel(`Value of ${name}`, { exact: true });

before(async () => {
  writePeople(file);
  provider = await startProvider(['staff=analyst']);
  relay = await startRelay(join(folder.path, 'relay'), ...provider.options);
  const serve = ['--data', data, '--ui', ui, '--listen', '127.0.0.1:0'];
  const env = { PATH: `${notingBrowser()}:${process.env.PATH}` };
  host = await startReady(program('kartei-dev-host'), serve, 'kartei-dev-host listening on ', { env });
  ({ browser, page, faults } = await openPage(host.rest));
  ({ row, goTo, set, picture } = movesOn(page));
});

after(async () => {
  await browser?.close();
  await host?.stop();
  await relay?.stop();
  await provider?.stop();
  folder.remove();
});

/** A folder with a program as the system opens pages by, which notes the address instead. */
function notingBrowser() {
  const programs = join(folder.path, 'programs');
  mkdirSync(programs);
  const script = join(programs, 'xdg-open');
  writeFileSync(script, `#!/bin/sh\nprintf %s "$1" > '${opened}.new' && mv '${opened}.new' '${opened}'\n`);
  chmodSync(script, 0o755);
  return programs;
}

/** Goes where the system's browser was sent, and back to this machine as the provider says. */
async function throughTheBrowser() {
  await until('the browser is opened', () => existsSync(opened));
  const answer = await fetch(readFileSync(opened, 'utf8'));
  rmSync(opened);
  assert.equal(answer.status, 200);
  return answer.text();
}

test('without profiles the page says what to do', async () => {
  await page.getByRole('heading', { name: 'Start with Kartei' }).waitFor();
  await badge().getByText('On this device only').waitFor();
  await picture('empty');
});

test('a chosen file is imported, and its bad line is reported', async () => {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Import…' }).click();
  await (await chooser).setFiles(file);
  await goTo('Imports');
  const report = page.getByRole('region', { name: 'Report on people.ndjson' });
  await report.getByText(`${PEOPLE} profiles imported, 1 rejected`).waitFor();
  const problems = report.getByRole('table', { name: 'First problems, by line' });
  const cells = problems.getByRole('row').nth(1).getByRole('cell');
  assert.equal((await cells.nth(0).innerText()).trim(), String(BAD_LINE));
  assert.equal((await cells.nth(2).innerText()).trim(), '/tags');
  assert.ok((await cells.nth(4).innerText()).length > 10, 'the reason is for people');
  await picture('report');
});

test('a dropped file is imported too, and nothing changes for it', async () => {
  const transfer = await page.evaluateHandle((text) => {
    const dropped = new DataTransfer();
    dropped.items.add(new File([text], 'again.ndjson'));
    return dropped;
  }, readFileSync(file, 'utf8'));
  for (const type of ['dragenter', 'dragover']) {
    await page.dispatchEvent('main', type, { dataTransfer: transfer });
  }
  await page.getByText('Drop to import').waitFor();
  await picture('drop');
  await page.dispatchEvent('main', 'drop', { dataTransfer: transfer });
  const report = page.getByRole('region', { name: 'Report on again.ndjson' });
  const outcome = report.locator('dl > div').filter({ hasText: 'unchanged' });
  await outcome.getByText(String(PEOPLE), { exact: true }).waitFor();
});

test('the list is searched and a profile opened', async () => {
  await goTo('Profiles');
  await page.getByText(`${PEOPLE} of ${PEOPLE}`).waitFor();
  await set(page.getByLabel('Search profiles'), 'keller');
  await page.getByText(`1 of ${PEOPLE}`).waitFor();
  await row('anna-keller').click();
  await inspector().waitFor();
  assert.equal(await value('city').inputValue(), 'Bern');
});

test('a filter that cannot be read says so and keeps the list', async () => {
  const filter = page.getByLabel('Filter profiles');
  await set(filter, 'status:');
  const said = page.getByRole('alert').getByText('The list still shows the last filter');
  await said.waitFor();
  await set(filter, '');
  await said.waitFor({ state: 'detached' });
});

test('an edit is stored at once', async () => {
  await set(value('city'), 'Basel');
  await inspector().getByText('Pending: not yet at the relay').waitFor();
  assert.equal((await kartei(data, 'show', 'anna-keller')).record.attributes.city, 'Basel');
  await picture('pending');
});

test('a value that the schema refuses changes nothing and is explained', async () => {
  const notes = inspector().getByLabel('Value of city');
  await set(notes, 'x'.repeat(4_097));
  await inspector().getByText('The profile would become invalid').first().waitFor();
  await notes.press('Escape');
  assert.equal((await kartei(data, 'show', 'anna-keller')).record.attributes.city, 'Basel');
});

test('a wrong token is refused with what to do', async () => {
  await goTo('Sync');
  await page.getByLabel('Address').fill(relay.url);
  await page.getByLabel('Device token').fill('not-a-token');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('The relay does not accept this token.').first().waitFor();
});

test('somebody signs in in the system’s browser, gives up, is refused, and comes in', async () => {
  await page.getByLabel('Address').fill(relay.url);
  const withProvider = page.getByRole('button', { name: `Sign in with ${new URL(provider.url).host}` });
  await page.getByLabel('Device token').focus();
  await withProvider.click();
  await page.getByText('Go on in your browser').waitFor();
  await until('the browser is opened', () => existsSync(opened));
  assert.equal(await page.getByLabel('this is its address').inputValue(), readFileSync(opened, 'utf8'));
  await picture('sign-in-browser');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await withProvider.waitFor();
  assert.equal(await page.getByRole('alert').count(), 0, 'who gave up knows why');
  await assert.rejects(throughTheBrowser(), 'nobody waits any more');
  rmSync(opened);

  provider.denies = true;
  await withProvider.click();
  assert.match(await throughTheBrowser(), /You are not signed in/);
  await page.getByRole('alert').getByText('Signing in did not work.').waitFor();
  await page.getByRole('alert').getByText('access_denied').waitFor();
  await picture('sign-in-refused');

  provider.denies = false;
  provider.person = { email: 'anna@example.org', email_verified: true, groups: ['staff'] };
  await withProvider.click();
  assert.match(await throughTheBrowser(), /You can close this tab/);
  await badge().getByText('Up to date').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await badge().getByText('On this device only').waitFor();
});

test('signing in with a token sends what is pending', async () => {
  await goTo('Profiles');
  await set(page.getByLabel('Search profiles'), 'keller');
  await row('anna-keller').click();
  await set(value('city'), 'Olten');
  await inspector().getByText('Pending: not yet at the relay').waitFor();
  await goTo('Sync');
  await page.getByLabel('Address').fill(relay.url);
  await page.getByLabel('Device token').fill(await relay.token('analyst', 'Anna'));
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await badge().getByText('Up to date').waitFor();
  await badge().getByText('0 pending').waitFor();
  await picture('sync');
  await goTo('Profiles');
  await set(page.getByLabel('Search profiles'), 'keller');
  await row('anna-keller').click();
  await inspector().getByText('Synced').waitFor();
});

test('a change made elsewhere arrives by itself', async () => {
  await kartei(elsewhere, 'login', relay.url, '--token', await relay.token('analyst', 'Ben'));
  await kartei(elsewhere, 'sync');
  await kartei(elsewhere, 'edit', 'anna-keller', '--set', 'display_name=Anna Keller-Roth');
  await kartei(elsewhere, 'sync');
  await inspector().getByText('Anna Keller-Roth').first().waitFor();
});

test('the same field set on two sides becomes a conflict', async () => {
  // Elsewhere the edit is made without knowing ours; it is exchanged only afterwards.
  await kartei(elsewhere, 'edit', 'anna-keller', '--set', 'attributes.city=Zürich');
  await set(value('city'), 'Graz');
  await inspector().getByText('Synced').waitFor();
  await kartei(elsewhere, 'sync');
  await inspector().getByText('1 field in conflict').waitFor();
  await badge().getByText('1 conflict').waitFor();
  const conflict = inspector().getByRole('group', { name: 'Conflict in city' });
  await conflict.getByText('Graz').waitFor();
  await conflict.getByText('Zürich').waitFor();
  await picture('conflict');
});

test('the conflict and everything else look right in German and in the dark', async () => {
  await page.getByRole('button', { name: 'DE Deutsch' }).click();
  await page.getByRole('heading', { name: 'Profile', exact: true }).first().waitFor();
  await picture('conflict-de');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('conflict-de-dark');
  await page.getByRole('button', { name: 'EN English' }).click();
  await page.getByRole('heading', { name: 'Profiles' }).first().waitFor();
  await picture('conflict-dark');
  await page.emulateMedia({ colorScheme: 'light' });
});

test('keeping one value ends the conflict on both sides', async () => {
  await inspector().getByRole('button', { name: /Keep this value.*Zürich/ }).click();
  await inspector().getByText('1 field in conflict').waitFor({ state: 'detached' });
  await inspector().getByText('Synced').waitFor();
  assert.equal(await value('city').inputValue(), 'Zürich');
  const status = await kartei(elsewhere, 'sync');
  assert.equal(status.conflicts, 0);
  const { record } = await kartei(elsewhere, 'show', 'anna-keller');
  assert.equal(record.attributes.city, 'Zürich');
});

test('after a reload everything is still there', async () => {
  await page.reload();
  await inspector().waitFor();
  assert.equal(await value('city').inputValue(), 'Zürich');
  await badge().getByText('Up to date').waitFor();
});

test('the whole list is reached by keyboard alone', async () => {
  await inspector().getByRole('button', { name: 'Close profile' }).click();
  await page.keyboard.press('/');
  await page.keyboard.type('cdnow');
  await page.getByText(`${PEOPLE - 1} of ${PEOPLE}`).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('article', { name: /^Profile cdnow-/ }).waitFor();
  await picture('list');
});

test('other machines and other pages are refused', async () => {
  const origin = { origin: 'http://evil.example', 'content-type': 'application/json' };
  const answer = await fetch(`${host.rest}/ipc/about`, { method: 'POST', body: '{}', headers: origin });
  assert.equal(answer.status, 403);
  const unknown = await fetch(`${host.rest}/ipc/format_disk`, { method: 'POST', body: '{}' });
  assert.equal(unknown.status, 404);
  assert.equal((await unknown.json()).code, 'unknown_command');
});

test('the page logged no fault on the whole way', () => assert.deepEqual(faults, []));
