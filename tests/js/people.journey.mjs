// Two people at two desks with one relay: each sees what the other has open, as long as it is open,
// as long as the window is, and as long as there is a connection.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deskAt } from './lib/desk.mjs';
import { startRelay, temporaryFolder } from './lib/processes.mjs';

const folder = temporaryFolder();
const file = join(folder.path, 'people.ndjson');

let relay;
/** Anna and Ben: each a data folder, a host and a page. */
let anna;
let ben;

async function deskOf(name, more) {
  const desk = await deskAt(relay, folder.path, name, more);
  desk.marks = (id) => desk.inspector(id).getByRole('button', { name: /^Also viewing:/ });
  desk.mark = (id) => desk.row(id).getByRole('img', { name: /^Also viewing:/ });
  return desk;
}

const gone = (locator) => locator.waitFor({ state: 'detached' });

before(async () => {
  const ids = ['anna-keller', ...Array.from({ length: 20 }, (_, n) => `cdnow-${1001 + n}`)];
  const line = (id, n) => JSON.stringify({ schema: 'user_profile.v1', id, attributes: { orders: n } });
  writeFileSync(file, ids.map(line).join('\n'));
  relay = await startRelay(join(folder.path, 'relay'));
  anna = await deskOf('Anna Keller', { file });
  ben = await deskOf('Ben');
});

after(async () => {
  for (const desk of [anna, ben]) await desk?.stop();
  await relay?.stop();
  folder.remove();
});

test('who opens a profile is shown to the other, in the list and in the profile', async () => {
  await ben.open('anna-keller');
  await anna.mark('anna-keller').waitFor();
  await anna.picture('presence-list');
  await anna.open('anna-keller');
  await anna.marks('anna-keller').getByText('B', { exact: true }).waitFor();
  await ben.marks('anna-keller').getByText('AK', { exact: true }).waitFor();
  assert.equal(await ben.marks('anna-keller').count(), 1, 'and never oneself');
});

test('the name is told to whoever tabs there, and Escape takes it away alone', async () => {
  const marks = anna.marks('anna-keller');
  const names = anna.page.getByRole('tooltip', { name: 'Also viewing: Ben' });
  await marks.focus();
  // Focus by keyboard shows it; `focus()` after a key counts as such.
  await anna.page.keyboard.press('Shift+Tab');
  await anna.page.keyboard.press('Tab');
  await names.waitFor();
  await anna.picture('presence');
  await anna.page.keyboard.press('Escape');
  await names.waitFor({ state: 'hidden' });
  assert.ok(await anna.inspector('anna-keller').isVisible(), 'the profile stays open');
  await anna.page.emulateMedia({ colorScheme: 'dark' });
  await anna.page.getByRole('button', { name: 'DE Deutsch' }).click();
  await anna.page.getByRole('button', { name: 'Auch geöffnet bei Ben' }).hover();
  await anna.picture('presence-de-dark');
  await anna.page.getByRole('button', { name: 'EN English' }).click();
  await anna.page.emulateMedia({ colorScheme: 'light' });
});

test('going on to another profile moves the mark along', async () => {
  await ben.page.keyboard.press(']');
  await gone(anna.marks('anna-keller'));
  await gone(anna.mark('anna-keller'));
  await anna.page.getByRole('grid').getByRole('img', { name: 'Also viewing: Ben' }).waitFor();
});

test('closing the pane, and leaving for another page, end it', async () => {
  await ben.open('anna-keller');
  await anna.marks('anna-keller').waitFor();
  await ben.inspector('anna-keller').getByRole('button', { name: 'Close profile' }).click();
  await gone(anna.marks('anna-keller'));
  await ben.open('anna-keller');
  await anna.marks('anna-keller').waitFor();
  await ben.goTo('Imports');
  await gone(anna.marks('anna-keller'));
});

test('closing the window ends it, and opening it again brings it back', async () => {
  await ben.goTo('Profiles');
  await ben.open('anna-keller');
  await anna.marks('anna-keller').waitFor();
  const address = ben.page.url();
  await ben.page.goto('about:blank');
  await gone(anna.marks('anna-keller'));
  await ben.page.goto(address);
  await anna.marks('anna-keller').waitFor();
});

test('a program that ends without a word is gone at once', async () => {
  await ben.host.stop();
  await gone(anna.marks('anna-keller'));
});

test('an administrator erases for good, and the pane closes where somebody has it open', async () => {
  await ben.browser.close();
  ben = await deskOf('Ben', { role: 'admin' });
  await anna.open('cdnow-1020');
  const more = anna.inspector('cdnow-1020').getByRole('button', { name: 'More actions' });
  await more.click();
  await anna.page.getByRole('menuitem', { name: 'Delete profile' }).waitFor();
  assert.equal(await anna.page.getByRole('menuitem').count(), 1, 'an analyst is not offered it');
  await anna.page.keyboard.press('Escape');
  await ben.open('cdnow-1020');
  await ben.inspector('cdnow-1020').getByRole('button', { name: 'More actions' }).click();
  await ben.page.getByRole('menuitem', { name: 'Erase for good…' }).click();
  const field = ben.page.getByLabel("Type the profile's id to confirm");
  await field.waitFor();
  assert.ok(await field.evaluate((input) => input === document.activeElement), 'it can be typed at once');
  await ben.page.keyboard.type('cdnow-1020');
  await ben.picture('erase');
  await ben.page.keyboard.press('Enter');
  await ben.page.getByText('Still to confirm:').waitFor();
  await gone(ben.inspector('cdnow-1020'));
  await gone(ben.row('cdnow-1020'));
  await anna.page.getByText('This profile was erased for good').waitFor();
  await gone(anna.inspector('cdnow-1020'));
  await gone(anna.row('cdnow-1020'));
});

test('without the relay nobody is shown', async () => {
  await ben.open('anna-keller');
  await anna.open('anna-keller');
  await anna.marks('anna-keller').waitFor();
  await relay.stop();
  await gone(anna.marks('anna-keller'));
  await gone(anna.mark('anna-keller'));
});

test('the pages logged no fault on the whole way', () => assert.deepEqual(anna.faults, []));
