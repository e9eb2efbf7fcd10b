// Encryption through the window, with a real keychain: what is said before and after, in both themes and
// both languages; a database that is really encrypted, opens with the keychain and without it with the
// recovery key, and is written plain again.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nothingSerious } from './lib/axe.mjs';
import { movesOn, openPage } from './lib/browser.mjs';
import { startHost } from './lib/desk.mjs';
import { startKeychain } from './lib/keychain.mjs';
import { kartei, picturesFolder, temporaryFolder } from './lib/processes.mjs';
import { outOfReach } from './lib/reach.mjs';
import { BEFORE_ENCRYPTION, CLOSED, ENCRYPTED, show } from './lib/views.mjs';

const ID = 'zaphod-beeblebrox';
const WHOLE = { width: 1280, height: 800 };
/** A window of 1280×800 at 200 %. */
const HALF = { width: 640, height: 400 };

const folder = temporaryFolder();
const data = join(folder.path, 'data');

let keychain;
let host;
/** Who reads English in the light, and who reads German in the dark. */
let english;
let german;
let page;
let recoveryKey;

/** Starts the host of the data folder; another one before it is stopped. */
async function restart(env) {
  await host?.stop();
  host = await startHost(data, { env });
}

const words = (text) => page.getByText(text).first().waitFor();
const open = (hash) => show(page, host.rest, { hash });
const press = (name) => page.getByRole('button', { name, exact: true }).click();

/** Whether the file of the database holds a text that can be read. */
const shows = (text) => readFileSync(join(data, 'kartei.sqlite')).includes(text);

/** Looks at views as everybody sees them. */
async function lookAt(...views) {
  for (const view of views) {
    await page.setViewportSize(WHOLE);
    await show(page, host.rest, view);
    await page.screenshot({ path: join(picturesFolder(), `${view.name}.en.light.png`) });
    await nothingSerious(page, view.name);
    await page.setViewportSize(HALF);
    await show(page, host.rest, view);
    assert.deepEqual(await page.evaluate(outOfReach), [], view.name);
    await show(german.page, host.rest, view);
    await german.page.screenshot({ path: join(picturesFolder(), `${view.name}.de.dark.png`) });
  }
  await page.setViewportSize(WHOLE);
}

before(async () => {
  const people = join(folder.path, 'people.ndjson');
  writeFileSync(people, `${JSON.stringify({ schema: 'user_profile.v1', id: ID })}\n`);
  await kartei(data, 'import', people);
  keychain = await startKeychain(join(folder.path, 'session'));
  await restart(keychain.env);
  english = await openPage(host.rest);
  german = await openPage(host.rest, { locale: 'de-DE', colorScheme: 'dark' });
  page = english.page;
});

after(async () => {
  await english?.browser.close();
  await german?.browser.close();
  await host?.stop();
  await keychain?.stop();
  folder.remove();
});

test('where a keychain answers encryption is offered, and what it does is said before', async () => {
  assert.ok(shows('SQLite format 3') && shows(ID));
  await lookAt(...BEFORE_ENCRYPTION);
});

test('the database is encrypted once the recovery key was kept', async () => {
  await show(page, host.rest, BEFORE_ENCRYPTION.find(({ dialog }) => dialog === 'EncryptDialog'));
  recoveryKey = await page.getByRole('dialog').locator('code').innerText();
  await page.getByRole('checkbox').check();
  await press('Encrypt');
  await words('The database is encrypted. Its key lies in the system’s keychain.');
  assert.ok(!shows('SQLite format 3') && !shows(ID), 'nothing of it can be read');
});

test('what encryption means is said where it is shown and where it is turned off', () => lookAt(...ENCRYPTED));

test('the recovery key that is shown later is the one that was kept', async () => {
  await show(page, host.rest, ENCRYPTED.find(({ name }) => name === 'recovery-key'));
  assert.equal(await page.getByRole('dialog').locator('code').innerText(), recoveryKey);
});

test('the next start opens it with the keychain', async () => {
  await restart(keychain.env);
  await open('#/profiles');
  await movesOn(page).row(ID).waitFor();
});

test('a start without the keychain asks for the recovery key, and opens with it', async () => {
  await restart({});
  await lookAt(CLOSED);
  await open('#/profiles');
  const key = page.getByLabel('Recovery key', { exact: true });
  await key.fill(recoveryKey.slice(1));
  await press('Open with the recovery key');
  await page.getByRole('alert').getByText('This is no recovery key.').waitFor();
  await nothingSerious(page, 'a key that is none');
  await page.screenshot({ path: join(picturesFolder(), 'closed-refused.en.light.png') });
  await key.fill(recoveryKey.replaceAll('-', ' ').toUpperCase());
  await press('Open with the recovery key');
  await movesOn(page).row(ID).waitFor();
  await lookAt({ name: 'encryption-without-keychain', hash: '#/settings/data' });
});

test('it is written plain again, and opens without any key', async () => {
  await restart(keychain.env);
  await show(page, host.rest, ENCRYPTED.find(({ name }) => name === 'decrypt'));
  await press('Turn off');
  await words('The database is not encrypted: whoever can read the data folder can read the profiles.');
  assert.ok(shows('SQLite format 3') && shows(ID));
  await restart({});
  await open('#/profiles');
  await movesOn(page).row(ID).waitFor();
  await lookAt({ name: 'encryption-no-keychain', hash: '#/settings/data' });
});

test('the pages logged no fault on the whole way', () => {
  assert.deepEqual([...english.faults, ...german.faults], []);
});
