// Calibration from a window: a draft, its gates, its activation, and where a profile stands by it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { movesOn, openPage } from './lib/browser.mjs';
import { startHost } from './lib/desk.mjs';
import { kartei, temporaryFolder } from './lib/processes.mjs';

const folder = temporaryFolder();
const data = join(folder.path, 'desk');
const file = (name) => fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url));

let host;
let browser;
let page;
let moves;

before(async () => {
  await kartei(data, 'import', file('bfi.ndjson.gz'), file('cdnow.ndjson.gz'));
  host = await startHost(data);
  ({ browser, page } = await openPage(host.rest));
  moves = movesOn(page);
});

after(async () => {
  await browser?.close();
  await host?.stop();
  folder.remove();
});

const button = (name) => page.getByRole('button', { name });
const heading = (name) => page.getByRole('heading', { name, exact: true });
const open = (id) => page.evaluate((id) => (location.hash = `#/profiles/${id}`), id);
const trait = (name) => page.getByRole('article').getByRole('button', { name: new RegExp(`^${name}`) });

test('people are calibrated, and the draft says what it is worth', async () => {
  await moves.goTo('Calibration');
  await heading('No calibration yet').waitFor();
  await button('Calibrate').click();
  await page.getByRole('textbox', { name: /^Compare with the people/ }).fill('tag:sapa');
  await button('Calibrate with 2,800 profiles').click();
  await page.getByRole('listitem').filter({ hasText: 'draft' }).getByRole('link').click();
  await heading('Gates').waitFor();
  const row = page.getByRole('table', { name: 'Traits' }).getByRole('row', { name: /^Neuroticism/ });
  // Cronbach's α, as it is published of these answers.
  assert.match(await row.innerText(), /2,800\s+2,694\s+0\.81/);
  const signals = page.getByRole('table', { name: 'Signals' }).getByRole('row');
  assert.equal(await signals.count(), 26);
  await moves.picture('calibration-draft');
});

test('once it is active, a profile says where it stands and why', async () => {
  await open('bfi-61617');
  await page.getByText('No calibration is active here yet.').waitFor();
  await page.goBack();
  await button('Activate').click();
  await page.getByText('active', { exact: true }).waitFor();
  await open('bfi-61617');
  await page.getByText('among 2,800 people').waitFor();
  const score = trait('Agreeableness').getByRole('img');
  assert.match(await score.getAttribute('aria-label'), /^Agreeableness: 0\.2863, .* between 0\.28/);
  await trait('Agreeableness').click();
  const parts = page.getByRole('article').getByRole('listitem').filter({ hasText: 'Can comfort others' });
  await parts.last().getByText('3, above 13.2% of people').waitFor();
  await parts.last().getByText('−0.074').waitFor();
});

test('who has nothing of it says so, and another schema stands beside it', async () => {
  await open('cdnow-00005');
  await page.getByText('No active calibration is made of what was observed here.').waitFor();
  const { calibration } = await kartei(data, 'calibrate', 'fit', 'cdnow');
  await kartei(data, 'calibrate', 'activate', calibration.version);
  // Another program did that: the window hears of it when it looks again.
  await open('cdnow-00006');
  await open('cdnow-00005');
  await page.getByText('among 23,570 people').waitFor();
  await trait('Order value').click();
  await page.getByText('37.47 on 3 Jan 1998, 16.6% of the number').waitFor();
});

test('another population says whom it moves; a gate that fails is accepted by its button', async () => {
  await moves.goTo('Calibration');
  await button('Calibrate').click();
  await page.getByRole('combobox', { name: 'Schema' }).selectOption('bfi');
  await page.getByRole('textbox', { name: /^Compare with the people/ }).fill('age<20');
  await button('Calibrate with 562 profiles').click();
  const draft = page.getByRole('listitem').filter({ hasText: 'draft' });
  await draft.getByText(/people change band$/).waitFor();
  await draft.getByRole('link').click();
  await page.getByText('does not pass: Openness').waitFor();
  const movers = page.getByRole('table', { name: 'Agreeableness: who moves farthest' });
  assert.equal(await movers.getByRole('row').count(), 10);
  await button('Activate anyway').click();
  await page.getByText('active', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'All calibrations' }).click();
  await page.getByRole('listitem').filter({ hasText: 'retired' }).getByRole('link').click();
  await button('Go back to this one').click();
  await page.getByText('active', { exact: true }).waitFor();
});

test('a schema is written as text, told what is wrong, and kept as its next version', async () => {
  await moves.goTo('Calibration');
  await button('Show or change Big Five 1').click();
  await page.getByRole('tab', { name: 'JSON' }).click();
  const text = page.getByRole('textbox', { name: 'Schema as JSON' });
  const before = await text.inputValue();
  assert.equal(await button('Keep').isDisabled(), true, 'nothing was changed');
  await text.fill(before.replace('"A1": 1', '"A1": -1').replace('"A1":1', '"A1":-1'));
  await page.getByText('the weight of `A1` is not below 0').waitFor();
  await text.fill(before.replace('"version": 1', '"version": 2'));
  await page.getByText('bfi 2: 25 signals, 5 traits').waitFor();
  await button('Keep').click();
  await button('Show or change Big Five 2').waitFor();
});

/** Presses Tab until the focus is at what is called so. */
async function tabTo(name) {
  const focused = () =>
    page.evaluate(() => {
      const { activeElement: at } = document;
      return (at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? at.innerText).trim();
    });
  for (let pressed = 0; pressed < 60; pressed += 1) {
    await page.keyboard.press('Tab');
    if ((await focused()) === name) return;
  }
  assert.fail(`Tab does not lead to ${name}`);
}

test('a schema is made through the form, by the keyboard alone, and nothing becomes active by it', async () => {
  const { keyboard } = page;
  const before = await kartei(data, 'calibrate');
  await button('New schema').focus();
  await keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'New schema' }).waitFor();
  // The focus is where one begins.
  await keyboard.type('buying');
  await tabTo('Title, English');
  await keyboard.type('Buying');
  await tabTo('Title, German');
  await keyboard.type('Einkauf');
  await tabTo('Name');
  await keyboard.type('often');
  await tabTo('Made of observations');
  await keyboard.type('order_value');
  await tabTo('What is taken');
  await keyboard.press('ArrowDown');
  assert.equal(await page.getByRole('combobox', { name: 'Kind' }).isDisabled(), true, 'it follows');
  await tabTo('Half-life in days');
  await keyboard.type('180');
  await tabTo('Duplicate');
  await keyboard.press('Enter');
  // The copy's name is there to be written over.
  await keyboard.type('dear');
  await tabTo('What is taken');
  await keyboard.press('ArrowUp');
  await tabTo('Kind');
  await keyboard.press('ArrowUp');
  await tabTo('Smallest value');
  await keyboard.type('10');
  await tabTo('Greatest value');
  await keyboard.type('5');
  await page.getByText('The smallest value lies below the greatest.').first().waitFor();
  await page.getByText('dear: The smallest value lies below the greatest.').waitFor();
  await keyboard.press('Control+a');
  await keyboard.type('500');
  await tabTo('New trait');
  await keyboard.type('0.5');
  await tabTo('Move up');
  await keyboard.press('Enter');
  // Of the trait: the signal that was copied is closed.
  await tabTo('Name');
  await keyboard.type('loyalty');
  await page.getByText('buying 1: 2 signals, 1 trait').waitFor();
  assert.match(await page.getByRole('table').getByRole('row').nth(1).innerText(), /often\s+66\.7%/);
  await moves.picture('schema-form');
  // Nothing is lost by Escape, however often, and who stays is where they were.
  for (let pressed = 0; pressed < 3; pressed += 1) await keyboard.press('Escape');
  await page.getByText('Close without keeping what you changed?').waitFor();
  await keyboard.press('Shift+Tab');
  await keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.value), 'loyalty');
  await tabTo('Keep');
  await keyboard.press('Enter');
  await button('Show or change Buying 1').waitFor();

  const after = await kartei(data, 'calibrate');
  assert.deepEqual(after.calibrations, before.calibrations, 'no calibration is made or becomes active');
  const { text } = after.schemas.find(({ name }) => name === 'buying');
  assert.deepEqual(JSON.parse(text), {
    schema: 'behavior_schema.v1',
    name: 'buying',
    version: 1,
    title: { en: 'Buying', de: 'Einkauf' },
    signals: [
      { name: 'dear', from: 'order_value', kind: 'level', half_life_days: 180, range: [10, 500] },
      { name: 'often', from: 'order_value', measure: 'per_year', kind: 'rate', half_life_days: 180 },
    ],
    dimensions: [{ name: 'loyalty', weights: { often: 1, dear: 0.5 } }],
  });
});
