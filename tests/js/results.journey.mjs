// Analyses that are made here, without a relay: asked for, looked at as charts and tables, saved, gone on with.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { nothingSerious } from './lib/axe.mjs';
import { movesOn, openPage } from './lib/browser.mjs';
import { startHost } from './lib/desk.mjs';
import { kartei, temporaryFolder } from './lib/processes.mjs';
import { until } from './lib/wait.mjs';

const folder = temporaryFolder();
const data = join(folder.path, 'desk');
const downloads = join(folder.path, 'downloads');
const file = (name) => fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url));

let host;
let browser;
let page;
let faults;
let moves;

const calibrated = async (schema) => {
  const { calibration } = await kartei(data, 'calibrate', 'fit', schema);
  await kartei(data, 'calibrate', 'activate', calibration.version, '--accept');
  return calibration.version;
};

before(async () => {
  mkdirSync(downloads);
  await kartei(data, 'import', file('bfi.ndjson.gz'));
  await calibrated('bfi');
  host = await startHost(data, { env: { XDG_DOWNLOAD_DIR: downloads } });
  ({ browser, page, faults } = await openPage(host.rest));
  moves = movesOn(page);
});

after(async () => {
  await browser?.close();
  await host?.stop();
  folder.remove();
});

const button = (name) => page.getByRole('button', { name });
const field = (name) => page.getByRole('textbox', { name });
const done = () => page.getByText('Done', { exact: true }).first().waitFor();

/** Asks for an analysis from its page, and waits for what it comes to. */
async function analyse(name, fill) {
  await moves.goTo('Analyses');
  await button('New analysis').click();
  await page.getByRole('combobox', { name: 'Analysis' }).selectOption({ label: name });
  await fill?.();
  await button(/^Analyse [\d,]+ profiles$/).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await done();
}

test('two cohorts are compared, as a chart and as a table', async () => {
  await moves.goTo('Analyses');
  await page.getByRole('heading', { name: 'No analyses yet' }).waitFor();
  await analyse('Comparison', () => field('Of which profiles').fill('gender:female'));
  await page.getByText(/^Agreeableness is higher in A than in B: a small difference \(g\s=\s0\.48/).waitFor();
  await page.getByText('against everybody else').waitFor();
  await moves.picture('result-compare');
  await page.keyboard.press('t');
  const row = page.getByRole('row', { name: /agreeableness/i }).first();
  assert.match(await row.innerText(), /0\.48|0\.478/);
  await moves.picture('result-compare-table');
  await page.keyboard.press('t');
});

test('what is shown is saved', async () => {
  for (const [item, ending] of [
    [/SVG/, 'svg'],
    [/PNG/, 'png'],
    [/HTML/, 'html'],
    [/CSV/, 'csv'],
  ]) {
    await button(/^Save as…|^Save as\.\.\./).click();
    await page.getByRole('menuitem', { name: item }).first().click();
    await until(`a file .${ending}`, () => readdirSync(downloads).some((name) => name.endsWith(`.${ending}`)));
  }
  const read = (ending) =>
    readFileSync(join(downloads, readdirSync(downloads).find((name) => name.endsWith(ending))));
  assert.match(read('.svg').toString(), /^<svg[^>]*>/);
  assert.deepEqual([...read('.png').subarray(1, 4)], [...Buffer.from('PNG')]);
  const html = read('.html').toString();
  assert.match(html, /Agreeableness/);
  assert.doesNotMatch(html, /(src|href)="(?!#|data:)/, 'nothing of elsewhere');
  assert.match(read('.csv').toString(), /hedges_g\.value/);
});

test('two calibrations are held against each other', async () => {
  const { calibration } = await kartei(data, 'calibrate', 'fit', 'bfi', '--filter', 'age<25');
  const other = calibration.version.slice(0, 8);
  await page.reload();
  await analyse('Drift', async () => {
    const choice = page.getByRole('combobox', { name: 'What is held against each other' });
    const option = choice.locator('option', { hasText: other });
    await option.waitFor({ state: 'attached' });
    assert.equal(await page.getByLabel('From the end of').count(), 1);
    await choice.selectOption(await option.getAttribute('value'));
    assert.equal(await page.getByLabel('From the end of').count(), 0);
    await moves.picture('new-drift-against');
  });
  await page.getByText(/^No dimension differs much: the greatest PSI is 0\.0\d \(/).waitFor();
  await page.getByText(`against calibration ${other}`).first().waitFor();
  await page.getByText(`Calibration ${other}`).first().waitFor();
  await moves.picture('result-drift-against');
});

test('whoever is drawn around on the map is shown in the table', async () => {
  await analyse('Map');
  await page.getByText(/^The map shows 60\.4.% of the differences between people/).waitFor();
  const chart = page.locator('svg[data-chart]').first();
  const { x, y, width, height } = await chart.boundingBox();
  const at = (right, down) => [x + width * right, y + height * down];
  await page.mouse.move(...at(0.47, 0.45));
  await page.mouse.down();
  for (const corner of [at(0.53, 0.45), at(0.53, 0.52), at(0.47, 0.52), at(0.47, 0.45)]) {
    await page.mouse.move(...corner, { steps: 6 });
  }
  await page.mouse.up();
  await moves.picture('result-map-lasso');
  await button(/^Show these profiles|^Show this profile/).click();
  await page.getByRole('grid').waitFor();
  assert.match(page.url(), /#\/profiles/);
});

test('from a profile to those who are most like it', async () => {
  await page.evaluate(() => (location.hash = '#/profiles/bfi-61623'));
  await button('Find similar profiles').click();
  assert.equal(await field('Id of the profile').inputValue(), 'bfi-61623');
  await button(/^Analyse [\d,]+ profiles$/).click();
  await page.getByText(/^Nearest is bfi-63147 at a distance of 0\.02/).waitFor();
  await page.getByRole('link', { name: 'bfi-63147' }).first().click();
  await page.getByRole('article', { name: 'Profile bfi-63147' }).waitFor();
});

test('what needs two days, and what needs no scores', async () => {
  await analyse('Drift', () => page.getByLabel('From the end of').fill('2010-01-01'));
  await page.getByText(/^Nobody was observed until/).waitFor();
  await analyse('Duplicates');
  await page.getByText(/^34 pairs of profiles, in 15 groups, are each probably of one person/).waitFor();
  await moves.picture('result-duplicates');
});

test('axe finds nothing serious in what analyses come to', async () => {
  for (const name of ['Distribution of scores', 'Segments', 'Outliers']) await analyse(name);
  await moves.goTo('Analyses');
  const rows = page.getByRole('main').getByRole('listitem').getByRole('link');
  // What is read at once says nothing of a list that is still being drawn.
  await rows.nth(7).waitFor();
  const hrefs = await rows.evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  assert.ok(hrefs.length >= 8);
  for (const href of hrefs) {
    await page.evaluate((href) => (location.hash = href), href);
    await done();
    await nothingSerious(page, href);
  }
  assert.deepEqual(faults, []);
});
