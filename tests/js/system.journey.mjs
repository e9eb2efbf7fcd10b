// What surrounds the window: another start of the program, links, and where the window was.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { PEOPLE, writePeople } from './lib/people.mjs';
import {
  kartei,
  openBySystem,
  picturesFolder,
  runProgram,
  startRelay,
  temporaryFolder,
} from './lib/processes.mjs';
import { until } from './lib/wait.mjs';
import { named, saying, startDesktop } from './lib/webdriver.mjs';
import { appear, goTo, openedProfile, speakEnglish } from './lib/window-moves.mjs';

const folder = temporaryFolder();
const data = join(folder.path, 'data');
const file = join(folder.path, 'people.ndjson');
const packed = join(folder.path, 'profiles.ndjson.gz');
const picture = (name) => join(picturesFolder(), `system-${name}.png`);

let desktop;
let window;

/** Starts the program again, as a person or another program does. */
const startAgain = (...args) => runProgram('kartei-desktop', ['--data', data, ...args]);

before(async () => {
  writePeople(file);
  writeFileSync(packed, gzipSync(readFileSync(file)));
  desktop = await startDesktop();
  window = await desktop.open(['--data', data]);
  await speakEnglish(window);
});

after(async () => {
  await window?.quit();
  await desktop?.stop();
  folder.remove();
});

test('a second start hands its file to the window that is open, and ends', async () => {
  await window.find(named('h2', 'Start with Kartei'));
  await startAgain(file);
  await window.find(saying(`${PEOPLE} profiles imported, 1 rejected`));
  await goTo(window, 'Profiles');
  await window.find(saying(`${PEOPLE} of ${PEOPLE}`));
});

test('a link opens its profile, whatever the window shows', async () => {
  await goTo(window, 'Imports');
  await openBySystem('kartei://profile/anna%2Dkeller', data, folder.path);
  await openedProfile(window, 'anna-keller');
  await window.picture(picture('link'));
});

test('the system opens compressed files with it too', async () => {
  await openBySystem(packed, data, folder.path);
  await until('its report', async () => (await window.text('//main')).includes('profiles.ndjson.gz'));
});

test('a link that is not exactly one of ours leads nowhere, and says so', async () => {
  await startAgain('kartei://profile/..%2F..%2Fetc');
  await window.find(saying('This link leads nowhere'));
  await window.picture(picture('bad-link'));
  await window.click(named('button', 'Close'));
});

test('a workspace of its own shows nothing of the other one', async () => {
  await window.click('//button[starts-with(@aria-label, "Workspace: ")]');
  await window.click(named('button', 'Add a workspace…'));
  await window.click('//label[normalize-space()="Only on this computer"]');
  await window.fill('//input[@id="workspace-name"]', 'Sandbox');
  await window.click(named('button', 'Add'));
  await window.find('//button[@aria-label="Workspace: Sandbox"]');
  await window.find(named('h2', 'Start with Kartei'));
  await window.picture(picture('workspace'));
  await window.click('//button[@aria-label="Workspace: Sandbox"]');
  await window.click('(//*[@role="menuitemradio"])[1]');
  await window.find(saying(`${PEOPLE} of ${PEOPLE}`));
});

test('the window comes back with the size that it had', async () => {
  const kept = join(data, 'window.json');
  const frame = () => JSON.parse(readFileSync(kept, 'utf8')).frame;
  await window.quit();
  await until('the place of the window', () => frame().width > 0);
  // A driver cannot drag the edge of a window on a display without a window manager.
  const place = { frame: { ...frame(), width: 1111, height: 777 }, maximised: false };
  writeFileSync(kept, JSON.stringify(place));
  window = await desktop.open(['--data', data]);
  await speakEnglish(window);
  await until('the size', async () => {
    const { width, height } = await window.rect();
    return width === 1111 && height === 777;
  });
  await window.find(saying(`${PEOPLE} of ${PEOPLE}`));
});

/** Waits until the page says this; cells that are cut off count as shown too. */
const says = (text) => until(text, async () => (await window.text('//main')).includes(text));

test('a link to a result opens it, in a program that was not running', async () => {
  await window.quit();
  window = null;
  const other = join(folder.path, 'signed-in');
  const relay = await startRelay(join(folder.path, 'relay'));
  try {
    await kartei(other, 'login', relay.url, '--token', await relay.token('analyst', 'Anna'));
    await kartei(other, 'import', packed).catch(() => null);
    await kartei(other, 'sync');
    const { result_id } = await kartei(other, 'analyze', 'quality');
    window = await desktop.open(['--data', other, `kartei://result/${result_id}`]);
    await speakEnglish(window);
    await window.find(named('h2', 'Findings'));
    await window.find(saying(result_id));
    await appear(window, 'light');
    await window.picture(picture('result'));
    await appear(window, 'dark');
    await window.picture(picture('result-dark'));
    await goTo(window, 'Notifications');
    await says('Quality report is done: All profiles');
    await window.picture(picture('notifications'));
    await goTo(window, 'Analyses');
    await until('the list', async () => (await window.text('//main')).startsWith('Analyses'));
    await says('All profiles');
    await window.picture(picture('analyses'));
  } finally {
    await window?.quit();
    window = null;
    await relay.stop();
  }
});
