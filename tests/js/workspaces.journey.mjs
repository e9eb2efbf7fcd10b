// Workspaces through the window, against a real relay: one that cannot be signed in is not made; what
// one holds the other never shows; the window comes back with the one that was open last.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { movesOn, openPage } from './lib/browser.mjs';
import { kartei, program, startReady, startRelay, temporaryFolder } from './lib/processes.mjs';

const ui = fileURLToPath(new URL('../../ui/dist', import.meta.url));
const folder = temporaryFolder();
const data = join(folder.path, 'home');

let relay;
let host;
let browser;
let page;
let faults;
let moves;

const button = (name) => page.getByRole('button', { name, exact: true });
const startHost = () =>
  startReady(
    program('kartei-dev-host'),
    ['--data', data, '--ui', ui],
    'kartei-dev-host listening on ',
  );

/** Puts one profile into a workspace, as a program does. */
async function seed(id, ...workspace) {
  const file = join(folder.path, `${id}.ndjson`);
  writeFileSync(file, `${JSON.stringify({ schema: 'user_profile.v1', id })}\n`);
  await kartei(data, ...workspace, 'import', file);
}

before(async () => {
  relay = await startRelay(join(folder.path, 'relay'));
  await seed('at-home');
  host = await startHost();
  ({ browser, page, faults } = await openPage(host.rest));
  moves = movesOn(page);
});

after(async () => {
  await browser?.close();
  await host?.stop();
  await relay?.stop();
  folder.remove();
});

async function openForm() {
  await page.getByRole('button', { name: /^Workspace: / }).click();
  await page.getByRole('menuitem', { name: 'Add a workspace…' }).click();
}

async function connect(token) {
  await page.getByLabel('Address').fill(relay.url);
  await page.getByLabel('Device token').fill(token);
  await button('Connect').click();
}

test('a workspace that the relay does not let in is not made', async () => {
  await moves.row('at-home').waitFor();
  await openForm();
  await connect('kartei_nobody');
  await page.getByRole('dialog').getByRole('alert').waitFor();
  await moves.picture('workspace-refused');
  assert.equal(readdirSync(join(data, 'workspaces')).length, 0);
});

test('one that it lets in opens, is named by its organisation, and is empty', async () => {
  await connect(await relay.token('analyst', 'Anna'));
  await button('Workspace: Test').waitFor();
  await page.getByText('No profiles yet').waitFor();
  await page.getByText('Up to date', { exact: false }).first().waitFor();
  await moves.picture('workspace-connected');
});

test('what one holds the other never shows, nor sends', async () => {
  await seed('in-test', '--workspace', 'Test');
  await kartei(data, '--workspace', 'Test', 'sync');
  await page.reload();
  await moves.row('in-test').waitFor();
  await page.goto(`${host.rest}/#/profiles/in-test`);
  await page.getByRole('article', { name: 'Profile in-test' }).waitFor();
  await page.keyboard.press('Control+1');
  await moves.row('at-home').waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the address begins anew too');
  assert.equal(await page.getByText('in-test').count(), 0);
  const { state, pending } = await kartei(data, 'status');
  assert.deepEqual([state, pending], ['local', 1], 'the home still has no relay');
  await moves.picture('workspace-home');
});

test('they are named and removed where they are listed', async () => {
  await page.getByRole('button', { name: /^Workspace: / }).click();
  await page.getByRole('menuitem', { name: 'Manage workspaces…' }).click();
  await button('Rename Test').click();
  await page.getByRole('textbox', { name: 'Name' }).fill('Study');
  await page.keyboard.press('Enter');
  await button('Remove Study…').waitFor();
  await moves.picture('workspaces');
  const { workspaces } = await kartei(data, 'workspaces');
  assert.deepEqual(
    workspaces.map(({ name, organisation }) => [name, organisation]),
    [
      [null, null],
      ['Study', 'Test'],
    ],
  );
  await button('Remove Study…').click();
  await button('Delete its data here').click();
  // The row goes when it is done; its own button goes when it is asked about.
  await page.getByRole('dialog').getByText('Study').waitFor({ state: 'detached' });
  assert.equal(readdirSync(join(data, 'workspaces')).length, 0);
  assert.deepEqual(faults, []);
});
