// Analyses from a window: asked for with and without the relay, watched, read, told, found again by a link.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deskAt } from './lib/desk.mjs';
import { kartei, startRelay, temporaryFolder } from './lib/processes.mjs';
import { until } from './lib/wait.mjs';

const folder = temporaryFolder();
const file = fileURLToPath(new URL('../fixtures/data/bfi.ndjson.gz', import.meta.url));

let relay;
let anna;

before(async () => {
  relay = await startRelay(join(folder.path, 'relay'));
  anna = await deskAt(relay, folder.path, 'Anna', { file });
});

after(async () => {
  await anna?.stop();
  await relay?.stop();
  folder.remove();
});

const rows = () => anna.page.getByRole('main').getByRole('listitem');
const button = (name) => anna.page.getByRole('button', { name });

test('the profiles of a filter are analysed, and the page says what stands out', async () => {
  await anna.goTo('Analyses');
  await anna.page.getByRole('heading', { name: 'No analyses yet' }).waitFor();
  await button('New analysis').click();
  const field = anna.page.getByRole('textbox', { name: 'Of which profiles' });
  await button('Analyse 2,800 profiles').waitFor();
  await field.fill('gender:female');
  await button(/^Analyse 1,881 profiles$/).click();
  // The address is the relay's once it has it.
  await until('an address of the relay', () => /#\/analyses\/job-/.test(anna.page.url()));
  await anna.page.getByText('Done', { exact: true }).first().waitFor();
  await anna.page.getByText(/^education is missing in \d+ of 1,881 profiles/).waitFor();
  const education = anna.page.getByRole('row', { name: /^education/ });
  assert.match(await education.innerText(), /number\s+5/);
  await anna.page.getByRole('table', { name: 'Signals' }).getByRole('row').nth(25).waitFor();
  await anna.picture('analysis');
  // Who looks at it is not told of it any more.
  await until('nothing is unread', async () => (await kartei(anna.data, 'jobs')).length === 1);
  await anna.page.getByRole('link', { name: 'Notifications', exact: true }).waitFor();
});

test('its profiles, its file and its link lead back to it', async () => {
  await anna.page.getByRole('link', { name: 'Show these profiles' }).click();
  await anna.page.getByText('1,881 of 2,800').waitFor();
  await anna.page.goBack();
  const link = await anna.page.getByText(/^kartei:\/\/result\/result-/).innerText();
  const id = link.replace('kartei://result/', '');
  await button('Save as JSON').click();
  const told = await anna.page.getByText(/^Saved: /).innerText();
  const path = told.replace('Saved: ', '');
  assert.ok(existsSync(path), path);
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).result_id, id);
  await anna.page.evaluate((id) => (location.hash = `#/analyses/${id}`), id);
  await anna.page.getByText(/^education is missing in/).waitFor();
});

test('the records of a file at the relay are analysed, and nothing is imported', async () => {
  await kartei(anna.data, 'upload', file);
  await anna.goTo('Uploads');
  await button('More for bfi.ndjson.gz').click();
  await anna.page.getByRole('menuitem', { name: 'Analyse the records…' }).click();
  await anna.page.getByText(/looks at the records of the file “bfi.ndjson.gz”/).waitFor();
  await anna.page.getByRole('textbox', { name: 'Of which records' }).fill('gender:male');
  await button('Analyse').click();
  await anna.page.getByText(/^education is missing in \d+ of 919 profiles/).waitFor();
  await anna.page.getByText('919 records', { exact: true }).waitFor();
  await anna.picture('analysis-of-a-file');
});

test('what is asked for while the relay is away goes up later, and its end is told', async () => {
  await relay.stop();
  await anna.goTo('Analyses');
  await button('New analysis').click();
  await button('Analyse 2,800 profiles').click();
  await anna.page.getByText('Waits for the relay', { exact: true }).waitFor();
  await anna.page.getByText('The relay cannot be reached.').first().waitFor();
  await anna.page.getByRole('link', { name: 'All analyses' }).click();
  await rows().filter({ hasText: 'Waits for the relay' }).waitFor();
  await anna.picture('analyses-offline');
  // What was looked at before is there without it.
  await rows().filter({ hasText: 'gender:female' }).getByRole('link').click();
  await anna.page.getByText(/^education is missing in/).waitFor();
  await anna.goTo('Profiles');
  await relay.startAgain();
  const bell = anna.page.getByRole('link', { name: 'Notifications, 1 unread' });
  await bell.waitFor();
  await bell.click();
  await anna.picture('notifications');
  await anna.page.getByRole('link', { name: 'Quality report is done: All profiles' }).first().click();
  await anna.page.getByText('2,800 profiles', { exact: true }).waitFor();
  await anna.page.getByRole('link', { name: 'Notifications', exact: true }).waitFor();
  assert.equal((await kartei(anna.data, 'jobs')).length, 3, 'each was made once');
});

test('one that waits for a worker is cancelled and tried again', async () => {
  await relay.run('jobs', 'queue', '--org', 'Test', '--pause');
  await anna.goTo('Analyses');
  await button('New analysis').click();
  await anna.page.getByRole('textbox', { name: 'Of which profiles' }).fill('age<20');
  await button(/^Analyse \d+ profiles$/).click();
  await anna.page.getByText('Waits for a worker', { exact: true }).waitFor();
  await button('Cancel').click();
  await anna.page.getByText('Cancelled', { exact: true }).waitFor();
  await relay.run('jobs', 'queue', '--org', 'Test', '--resume');
  await button('Try again').click();
  await anna.page.getByText('Done', { exact: true }).first().waitFor();
  await anna.page.getByRole('link', { name: 'Tries an earlier one again' }).click();
  await anna.page.getByText('Cancelled', { exact: true }).waitFor();
  assert.deepEqual(anna.faults, []);
});
