// The real window: import by the path of a drop, search, edit, see the badge, quit, open again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BAD_LINE, PEOPLE, writePeople } from './lib/people.mjs';
import { kartei, picturesFolder, startRelay, temporaryFolder } from './lib/processes.mjs';
import { until } from './lib/wait.mjs';
import { named, saying, startDesktop } from './lib/webdriver.mjs';
import {
  appear,
  attributeValue,
  goTo,
  listed,
  openProfile,
  setAttribute,
  speakEnglish,
  stateOf,
} from './lib/window-moves.mjs';

const folder = temporaryFolder();
const data = join(folder.path, 'data');
const file = join(folder.path, 'people.ndjson');
const picture = (name) => join(picturesFolder(), `desktop-${name}.png`);

let desktop;
let relay;
let window;

before(async () => {
  writePeople(file);
  relay = await startRelay(join(folder.path, 'relay'));
  desktop = await startDesktop();
});

after(async () => {
  await window?.quit();
  await desktop?.stop();
  await relay?.stop();
  folder.remove();
});

test('an empty data folder opens with a page that says what to do', async () => {
  window = await desktop.open(['--data', data]);
  await speakEnglish(window);
  await window.find(saying('Start with Kartei'));
  await window.picture(picture('empty'));
  await window.quit();
});

test('a file that is handed to the program is imported and reported on', async () => {
  window = await desktop.open(['--data', data, file]);
  await speakEnglish(window);
  await goTo(window, 'Imports');
  await window.find(saying(`${PEOPLE} profiles imported, 1 rejected`));
  const table = '//table[.//th[normalize-space()="Reason"]]';
  const cell = async (column) => (await window.text(`${table}//tbody/tr[1]/td[${column}]`)).trim();
  assert.equal(await cell(1), String(BAD_LINE));
  assert.equal(await cell(3), '/tags');
  await window.picture(picture('report'));
});

test('the list is searched and a profile opened', async () => {
  await goTo(window, 'Profiles');
  await window.find(saying(`${PEOPLE} of ${PEOPLE}`));
  await openProfile(window, 'anna-keller');
  await window.find(saying(`1 of ${PEOPLE}`));
  assert.equal(await attributeValue(window, 'city'), 'Bern');
  await window.picture(picture('profile'));
});

test('an edit is stored and says that it is pending', async () => {
  await setAttribute(window, 'city', 'Basel');
  await stateOf(window, 'anna-keller', 'Pending');
  const shown = await until('the edit in the store', async () => {
    const { record } = await kartei(data, 'show', 'anna-keller');
    return record.attributes.city === 'Basel' && record;
  });
  assert.deepEqual(shown.attributes, { city: 'Basel', orders: 11 }, 'and nothing else changed');
  await window.picture(picture('pending'));
});

test('after quitting and opening again everything is still there', async () => {
  await window.quit();
  window = await desktop.open(['--data', data]);
  await speakEnglish(window);
  await window.find(saying(`${PEOPLE} of ${PEOPLE}`));
  await openProfile(window, 'anna-keller');
  assert.equal(await attributeValue(window, 'city'), 'Basel');
  await stateOf(window, 'anna-keller', 'Pending');
});

test('signing in to a relay clears the badge', async () => {
  await goTo(window, 'Sync');
  await window.fill('//form//input[@type="url"]', relay.url);
  await window.fill('//form//input[@type="password"]', await relay.token('analyst', 'Anna'));
  await window.click(named('button', 'Sign in'));
  await window.find(saying('Up to date'));
  await window.find(saying('0 pending'));
  await window.picture(picture('sync'));
  await goTo(window, 'Profiles');
  await openProfile(window, 'anna-keller');
  await stateOf(window, 'anna-keller', 'Synced');
});

test('both appearances are drawn', async () => {
  for (const theme of ['dark', 'light']) {
    await appear(window, theme);
    await listed(window, 'anna-keller');
    await window.picture(picture(theme));
  }
});
