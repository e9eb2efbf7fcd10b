// The relay's page for administrators, as the relay serves it: in Chromium every place, in Firefox the way in and a
// token; with devices, an erasure and an audit that came about by work.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { nothingSerious } from './lib/axe.mjs';
import { FIREFOX, openPage } from './lib/browser.mjs';
import { writePeople } from './lib/people.mjs';
import { startProvider } from './lib/provider.mjs';
import { kartei, picturesFolder, startRelay, temporaryFolder } from './lib/processes.mjs';
import { until } from './lib/wait.mjs';

const folder = temporaryFolder();
const data = join(folder.path, 'desk');

let provider;
let relay;
let token;
let browser;
let page;
let faults;

before(async () => {
  provider = await startProvider(['staff=analyst', 'chefs=admin']);
  relay = await startRelay(join(folder.path, 'relay'), ...provider.options);
  token = await relay.token('admin', 'Ada Admin');
  await kartei(data, 'login', relay.url, '--token', await relay.token('analyst', 'Anna'));
  writePeople(join(folder.path, 'people.ndjson'));
  await kartei(data, 'import', join(folder.path, 'people.ndjson')).catch(() => undefined);
  await kartei(data, 'sync');
  ({ browser, page, faults } = await openPage(`${relay.url}/admin/`));
});

after(async () => {
  await browser?.close();
  await relay?.stop();
  await provider?.stop();
  folder.remove();
});

const place = (name) =>
  page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
const heading = (name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
const button = (name) => page.getByRole('button', { name, exact: true });
const dialog = () => page.getByRole('dialog');
const picture = (name) => page.screenshot({ path: join(picturesFolder(), `admin-${name}.png`) });

async function signIn(typed) {
  await page.getByLabel('Token', { exact: true }).fill(typed);
  await button('Sign in').click();
}

const withProvider = () => button(`Sign in with ${new URL(provider.url).host}`);

/** Says who is before the browser, and signs in. */
async function signInAs(email, ...groups) {
  provider.person = { email, email_verified: true, groups };
  await withProvider().click();
}

test('only an administrator’s token opens the page', async () => {
  await heading('Administration');
  await nothingSerious(page, 'sign-in');
  await signIn(await relay.token('viewer', 'Vera'));
  await page.getByText('This token is no administrator’s.').waitFor();
  await signIn('kartei_0000');
  await page.getByText('The relay does not accept this token.').waitFor();
  await picture('sign-in');
  await signIn(token);
  await heading('Overview');
  await page.getByText('Ada Admin').waitFor();
});

test('somebody signs in with the provider, and the address keeps nothing of it', async () => {
  await button('Sign out').click();
  await withProvider().waitFor();
  await page.goto(`${relay.url}/admin/#/audit`);
  await nothingSerious(page, 'sign-in with a provider');
  for (const [locale, scheme] of ['EN English', 'DE Deutsch'].flatMap((one) => [[one, 'light'], [one, 'dark']])) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.getByRole('button', { name: locale }).click();
    await picture(`sign-in-provider-${locale.slice(0, 2).toLowerCase()}-${scheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('button', { name: 'EN English' }).click();
  await signInAs('grace@example.org', 'staff', 'chefs');
  await heading('Audit');
  await page.getByText('grace@example.org').first().waitFor();
  await page.getByRole('cell', { name: 'token.signed_in' }).waitFor();
  assert.equal(page.url(), `${relay.url}/admin/#/audit`);
  const kept = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, history.length]));
  assert.ok(!kept.includes('kartei.admin.sign-in') && !kept.includes('code'), kept);
  await place('Tokens');
  const row = page.getByRole('row', { name: /grace@example\.org/ });
  await row.getByText('by 127.0.0.1').waitFor();
  await picture('tokens-signed-in');
});

test('who may not, says no, or did not begin here, is told so', async () => {
  await button('Sign out').click();
  await signInAs('anna@example.org', 'staff');
  await page.getByText('You are signed in, and you are no administrator here.').waitFor();
  await picture('sign-in-no-administrator');
  await signInAs('eve@example.org', 'visitors');
  await page.getByText('this relay is not open to you').waitFor();
  provider.denies = true;
  await withProvider().click();
  await page.getByText('Signing in was cancelled.').waitFor();
  await picture('sign-in-cancelled');
  assert.equal(await page.locator('b', { hasText: 'person' }).count(), 0, 'its words are text');
  provider.denies = false;
  const { redeemed } = provider;
  await page.goto(`${relay.url}/admin/?code=of-somebody-else&state=guessed`);
  await page.getByText('This sign-in was not begun in this tab').waitFor();
  assert.equal(page.url(), `${relay.url}/admin/`);
  assert.equal(provider.redeemed, redeemed, 'the code goes nowhere');
  await signIn(token);
  await heading('Overview');
  // Who signed in is an administrator like any other, until somebody else says no.
  await place('Tokens');
  await button('Revoke the token of grace@example.org').click();
  await dialog().getByRole('button', { name: 'Revoke', exact: true }).click();
  await page.getByRole('row', { name: /grace@example\.org/ }).waitFor({ state: 'detached' });
  await place('Overview');
});

test('the overview says how much there is, and a limit for files is set', async () => {
  const figure = page.locator('.figures div').filter({ hasText: 'profiles' }).locator('dd');
  assert.equal(await figure.innerText(), '60');
  await button('Change limit…').click();
  await dialog().getByLabel('At most').check();
  await dialog().getByLabel('Gigabytes').fill('2.5');
  await button('Set limit').click();
  await page.getByText(/of 2\.50 GB used/).waitFor();
  await picture('overview');
  await nothingSerious(page, 'overview');
});

test('profiles are sealed at the relay’s own machine, and the page tells', async () => {
  const rest = page.getByRole('region', { name: 'At rest' });
  const command = await rest.getByText(/^kartei-relay admin org seal /).innerText();
  await relay.run(...command.split(' ').slice(1));
  await until('the page tells that profiles lie sealed', async () => {
    await page.reload();
    await heading('Overview');
    return (await rest.innerText()).includes('Profiles lie sealed');
  });
  await rest.getByText('kartei-relay admin org unseal Test').waitFor();
  await picture('overview-sealed');
});

test('a token is made, is shown once, opens the door, and is taken back', async () => {
  await place('Tokens');
  await button('New token…').click();
  await dialog().getByLabel('Whose').fill('Ben');
  await dialog().getByRole('radio', { name: /^Viewer/ }).check();
  await dialog().getByLabel('Holds until').selectOption({ label: '30 days' });
  await nothingSerious(page, 'new token');
  await picture('new-token');
  await button('Create token').click();
  const made = await dialog().getByText(/^kartei_[0-9a-f]{64}$/).innerText();
  await picture('token-made');
  await button('I have it').click();
  const row = page.getByRole('row', { name: /Ben/ });
  await row.getByText('Viewer').waitFor();
  const asBen = () =>
    fetch(`${relay.url}/sync/v1/whoami`, { headers: { authorization: `Bearer ${made}` } });
  assert.equal((await asBen()).status, 200);
  await picture('tokens');
  await nothingSerious(page, 'tokens');
  await button('Revoke the token of Ben').click();
  await dialog().getByRole('button', { name: 'Revoke', exact: true }).click();
  await row.waitFor({ state: 'detached' });
  assert.equal((await asBen()).status, 401);
  await page.getByLabel('Show ended ones').check();
  await row.getByRole('img', { name: 'Revoked' }).waitFor();
  assert.ok(!(await page.content()).includes(made));
});

test('the last administrator’s token cannot be taken back', async () => {
  await button('Revoke the token of Ada Admin').click();
  await dialog().getByRole('button', { name: 'Revoke', exact: true }).click();
  await dialog().getByText('This is the last token that may administer the organisation.').waitFor();
  await page.keyboard.press('Escape');
});

test('devices, the queue and what is kept have places', async () => {
  await place('Devices');
  await page.getByRole('row', { name: /Anna/ }).waitFor();
  await picture('devices');
  await nothingSerious(page, 'devices');
  await place('Analyses');
  await button('Pause').click();
  await page.getByText('Nothing begins since').waitFor();
  await picture('analyses');
  await nothingSerious(page, 'analyses');
  await button('Resume').click();
  await page.getByText('Nothing begins since').waitFor({ state: 'detached' });
  await place('Retention');
  await page.getByLabel('Analyses themselves').waitFor();
  const days = page.getByLabel('Results', { exact: true });
  await days.fill('30');
  await days.press('Enter');
  const ofImports = page.locator('section', { hasText: 'Imported files as they came' });
  await ofImports.getByRole('combobox').selectOption({ label: 'For' });
  await page.waitForFunction(() => document.querySelector('#imports')?.value === '90');
  await button('See what is due…').click();
  await dialog().getByText('Nothing is due').waitFor();
  await dialog().getByRole('button', { name: 'Close' }).last().click();
  await picture('retention');
  await nothingSerious(page, 'retention');
});

test('somebody is erased for good, and the certificate says so', async () => {
  await place('Erasure');
  await page.getByText('Nobody was erased').waitFor();
  await picture('erasure-empty');
  await page.getByLabel('Id of the profile').fill('nobody-at-all');
  await button('Erase…').click();
  await button('Erase for good').click();
  await page.getByText('The relay knows no such thing.').waitFor();
  await page.getByLabel('Id of the profile').fill('anna-keller');
  await button('Erase…').click();
  await button('Erase for good').click();
  await page.getByRole('row', { name: /Ada Admin/ }).waitFor();
  const saved = page.waitForEvent('download');
  await button('Certificate').click();
  assert.match((await saved).suggestedFilename(), /^erasure-\d+\.json$/);
  await picture('erasure');
  await nothingSerious(page, 'erasure');
});

test('the audit tells all of it, without a token or an erased id', async () => {
  await place('Audit');
  for (const action of ['token.created', 'token.revoked', 'quota.set', 'queue.paused']) {
    await page.getByRole('cell', { name: action }).first().waitFor();
  }
  assert.ok(!(await page.content()).includes('anna-keller'));
  await picture('audit');
  await nothingSerious(page, 'audit');
  await page.getByLabel('What', { exact: true }).fill('token.revoked');
  await page.getByRole('cell', { name: 'quota.set' }).waitFor({ state: 'detached' });
  const saved = page.waitForEvent('download');
  await button('Save CSV').click();
  assert.equal((await saved).suggestedFilename(), 'audit.csv');
});

test('in German and dark, in a narrow window', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'DE Deutsch' }).click();
  await place('Tokens');
  await heading('Tokens');
  await picture('tokens-german-dark');
  await place('Aufbewahrung');
  await page.getByLabel('Importdateien, wie sie kamen').waitFor();
  await picture('retention-german-dark');
  await page.setViewportSize({ width: 640, height: 800 });
  await place('Überblick');
  await page.getByText('Platz für Dateien').first().waitFor();
  await picture('overview-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole('button', { name: 'EN English' }).click();
});

test('the page allows nothing from elsewhere, and the token ends with the tab', async () => {
  const answer = await fetch(`${relay.url}/admin/`);
  const policy = answer.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.ok(!policy.includes('unsafe'));
  const other = await page.context().newPage();
  await other.goto(`${relay.url}/admin`);
  await other.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  assert.equal(new URL(other.url()).pathname, '/admin/');
  await other.close();
  assert.deepEqual(faults, []);
});

test('Firefox opens it as well', async () => {
  const firefox = await puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX });
  try {
    const window = await firefox.newPage();
    const thrown = [];
    window.on('pageerror', (error) => thrown.push(String(error)));
    await window.setViewport({ width: 1280, height: 800 });
    await window.goto(`${relay.url}/admin/`);
    // By the provider: the policy of the page lets Firefox go there and come back as well.
    provider.person = { email: 'fox@example.org', email_verified: true, groups: ['chefs'] };
    await window.locator('::-p-text(Sign in with)').click();
    await window.locator('::-p-text(Room for files)').wait();
    await window.locator('a[href="#/tokens"]').click();
    await window.locator('::-p-text(New token…)').click();
    await window.locator('dialog input[maxlength]').fill('Fox');
    await window.locator('dialog button[type=submit]').click();
    await window.locator('::-p-text(Shown this once)').wait();
    await window.screenshot({ path: join(picturesFolder(), 'admin-firefox.png') });
    await window.locator('::-p-text(I have it)').click();
    await window.locator('td::-p-text(Fox)').wait();
    assert.deepEqual(thrown, []);
  } finally {
    await firefox.close();
  }
});
