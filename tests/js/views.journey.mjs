// Every view and dialog, for everybody's use: axe finds nothing serious in either theme, at 200 % zoom
// everything can be reached, nothing moves for who asked for that, and what a screen reader is told is
// written down beside this file. `KARTEI_ARIA=write` writes that anew; look at the difference.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { nothingSerious } from './lib/axe.mjs';
import { openPage } from './lib/browser.mjs';
import { startHost } from './lib/desk.mjs';
import { kartei, temporaryFolder } from './lib/processes.mjs';
import { outOfReach } from './lib/reach.mjs';
import { desks } from './lib/scene.mjs';
import { BEFORE_ENCRYPTION, DIALOGS_ELSEWHERE, ENCRYPTED, PLAIN, show, VIEWS } from './lib/views.mjs';
import { until } from './lib/wait.mjs';

const source = fileURLToPath(new URL('../../ui/src', import.meta.url));
const told = fileURLToPath(new URL('aria', import.meta.url));
/** A window of 1280×800 at 200 %. */
const HALF = { width: 640, height: 400 };
const WHOLE = { width: 1280, height: 800 };

const folder = temporaryFolder();
let scene;
let host;
let browser;
let page;
let faults;

before(async () => {
  scene = await desks(folder.path);
  host = await startHost(scene.data);
  await until('a sync', async () => (await kartei(scene.data, 'status')).pending === 0);
  ({ browser, page, faults } = await openPage(host.rest));
});

after(async () => {
  await browser?.close();
  await host?.stop();
  await scene?.stop();
  folder.remove();
});

test('every route and every dialog is among the views', () => {
  const list = (file, name) => {
    const text = readFileSync(join(source, file), 'utf8');
    const body = new RegExp(`const ${name} = \\[([^\\]]*)\\] as const`).exec(text)[1];
    return [...body.matchAll(/'([a-z]+)'/g)].map(([, word]) => word);
  };
  const hashes = new Set(VIEWS.map(({ hash }) => hash));
  for (const view of list('app/router.svelte.ts', 'PLAIN_VIEWS')) assert.ok(hashes.has(`#/${view}`), view);
  for (const section of list('views/settings-sections.ts', 'SECTIONS')) {
    assert.ok(hashes.has(`#/settings/${section}`), section);
  }
  // The relay's page for administrators is looked at in a journey of its own, `admin.journey.mjs`.
  const files = readdirSync(source, { recursive: true }).filter(
    (file) => file.endsWith('.svelte') && !file.startsWith('admin'),
  );
  const asking = files.filter((file) =>
    /import \w+ from '.*\/(Confirm)?Dialog\.svelte'/.test(readFileSync(join(source, file), 'utf8')),
  );
  assert.ok(asking.length > 0, 'dialogs are recognised');
  const shown = new Set([...VIEWS, ...BEFORE_ENCRYPTION, ...ENCRYPTED].map(({ dialog }) => dialog));
  const missing = asking
    .map((file) => file.replace(/^.*\//, '').replace('.svelte', ''))
    .filter((name) => !shown.has(name) && !(name in DIALOGS_ELSEWHERE));
  assert.deepEqual(missing, [], 'dialogs that nobody looks at here');
});

for (const view of VIEWS) {
  test(`axe finds nothing serious: ${view.name}`, async () => {
    await page.setViewportSize(WHOLE);
    await show(page, host.rest, view);
    await nothingSerious(page, view.name);
  });
}

test('axe finds nothing serious where nothing is, and everything is within reach', async () => {
  const empty = await startHost(join(folder.path, 'empty'));
  try {
    for (const view of PLAIN) {
      await page.setViewportSize(WHOLE);
      await show(page, empty.rest, view);
      await nothingSerious(page, view.name);
      await page.setViewportSize(HALF);
      assert.deepEqual(await page.evaluate(outOfReach), [], view.name);
    }
  } finally {
    await empty.stop();
  }
});

for (const view of VIEWS) {
  test(`everything is within reach at 200 %: ${view.name}`, async () => {
    await page.setViewportSize(HALF);
    await show(page, host.rest, view);
    assert.deepEqual(await page.evaluate(outOfReach), []);
  });
}

test('nothing moves for somebody who asked for that', async () => {
  await page.setViewportSize(WHOLE);
  await show(page, host.rest, { hash: '#/profiles' });
  const moving = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0)
        .map((one) => one.className),
    );
  assert.deepEqual(await moving(), []);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  assert.ok((await moving()).length > 0, 'without the wish something does');
  await page.emulateMedia({ reducedMotion: 'reduce' });
});

/** Without what is different in each run: times, sizes, revisions, places. */
const lasting = (text) =>
  text
    .replaceAll(/\d\d\/\d\d\/\d{4}(, \d\d:\d\d(:\d\d)?)?/g, 'DATE')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'RELAY')
    .replaceAll(/Up to date,? [^"\n·]*(ago|now)/g, 'Up to date, AGO')
    .replaceAll(/(rev|Revision:?) [\d,]+/g, '$1 REV')
    .replaceAll(/\/tmp\/[^\s"]+/g, 'FOLDER')
    .replaceAll(/[\d.,]+ (kB|MB)/g, 'SIZE')
    .replaceAll(/\b[0-9a-f]{8,}…?/g, 'HASH');

for (const view of VIEWS.filter(({ aria }) => aria)) {
  test(`a screen reader is told what was agreed on: ${view.name}`, async () => {
    await page.setViewportSize(WHOLE);
    await show(page, host.rest, view);
    const now = `${lasting(await page.locator(view.aria).ariaSnapshot())}\n`;
    const file = join(told, `${view.name}.yml`);
    if (process.env.KARTEI_ARIA === 'write') {
      mkdirSync(told, { recursive: true });
      writeFileSync(file, now);
    }
    assert.ok(existsSync(file), `${file} is not there: KARTEI_ARIA=write writes it`);
    assert.equal(now, readFileSync(file, 'utf8'));
  });
}

test('the page logged no fault on the whole way', () => assert.deepEqual(faults, []));
