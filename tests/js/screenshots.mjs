// A picture of every view: full, empty and broken; light and dark; English and German; two sizes.
// Started by `cargo xtask screenshots`; the pictures and a page with all of them go to target/screenshots.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { CHROMIUM, FLAGS } from './lib/browser.mjs';
import { kartei, picturesFolder, program, startReady, temporaryFolder } from './lib/processes.mjs';
import { CONTESTED, DELETED, desks, MANY } from './lib/scene.mjs';
import { until } from './lib/wait.mjs';

const ui = fileURLToPath(new URL('../../ui/dist', import.meta.url));
const out = picturesFolder();

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
const LOOKS = ['light', 'dark'].flatMap((colorScheme) =>
  ['en-GB', 'de-DE'].map((locale) => ({ colorScheme, locale })),
);

const press = (key) => (page) => page.keyboard.press(key);
const tab = (at) => async (page) => {
  await page.getByRole('article').getByRole('tab').nth(at).click();
};

/** Every view: its address, and what is done there before the picture. */
const VIEWS = [
  { name: 'profiles', hash: '#/profiles' },
  {
    name: 'profiles-filtered',
    hash: `#/profiles?filter=${encodeURIComponent('orders>=4 NOT tags:x')}`,
  },
  {
    name: 'profiles-none',
    hash: `#/profiles?filter=${encodeURIComponent('city:Nowhere')}`,
  },
  {
    name: 'profiles-wrong-filter',
    hash: `#/profiles?filter=${encodeURIComponent('orders>>4')}`,
  },
  { name: 'profile', hash: `#/profiles/${MANY}` },
  { name: 'profile-conflict', hash: `#/profiles/${CONTESTED}` },
  ...[1, 2, 3, 4].map((at) => ({
    name: `profile-tab-${at + 1}`,
    hash: `#/profiles/${MANY}`,
    act: tab(at),
    optional: true,
  })),
  { name: 'profile-gone', hash: '#/profiles/nobody-knows' },
  { name: 'profile-deleted', hash: `#/profiles/${DELETED}` },
  { name: 'conflicts', hash: '#/conflicts' },
  { name: 'imports', hash: '#/imports' },
  { name: 'uploads', hash: '#/uploads' },
  { name: 'analyses', hash: '#/analyses' },
  { name: 'calibration', hash: '#/calibration' },
  { name: 'notifications', hash: '#/notifications' },
  { name: 'sync', hash: '#/sync' },
  { name: 'administration', hash: '#/administration' },
  { name: 'store', hash: '#/settings/data' },
  { name: 'deleted', hash: '#/deleted' },
  { name: 'settings', hash: '#/settings' },
  { name: 'shortcuts', hash: '#/profiles', act: press('?') },
  { name: 'palette', hash: '#/profiles', act: press('Control+k') },
  { name: 'picked', hash: '#/profiles', act: press('Control+a') },
];

const taken = [];

async function picture(page, state, view, look, size) {
  const language = look.locale.slice(0, 2);
  const name = `${view.name}.${state}.${language}.${look.colorScheme}.${size.width}.png`;
  await page.goto('about:blank');
  await page.goto(page.base + view.hash);
  await page.locator('main').waitFor();
  await settled(page);
  try {
    await view.act?.(page);
  } catch (error) {
    if (!view.optional) throw error;
    return;
  }
  await settled(page);
  await page.screenshot({ path: join(out, name) });
  taken.push({ view: view.name, name });
}

/** Waits until the view has not changed for a while: pictures of something on its way say nothing. */
async function settled(page) {
  let before = '';
  await until('a view that is at rest', async () => {
    const now = await page.evaluate(() => document.body.innerText + document.body.innerHTML.length);
    const same = now === before;
    before = now;
    return same;
  });
}

/** All views of a data folder in one look. */
async function looks(browser, state, base, sizes, broken = false) {
  for (const size of sizes) {
    for (const look of LOOKS) {
      const context = await browser.newContext({
        viewport: size,
        reducedMotion: 'reduce',
        ...look,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      page.base = `${base}/`;
      if (broken) {
        await page.route('**/ipc/**', (route) =>
          route.fulfill({
            status: 500,
            contentType: 'application/json',
            body: JSON.stringify({
              code: 'store_damaged',
              message: 'kartei.sqlite: page 4 is damaged',
            }),
          }),
        );
      }
      for (const view of VIEWS) await picture(page, state, view, look, size);
      await context.close();
      console.log(`${state} ${look.locale} ${look.colorScheme} ${size.width}`);
    }
  }
}

function page() {
  const rows = VIEWS.map(({ name: view }) => {
    const cells = taken
      .filter((one) => one.view === view)
      .map(({ name }) => `<a href="${name}"><img loading="lazy" src="${name}" alt="${name}"></a>`);
    return `<h2>${view}</h2><div>${cells.join('')}</div>`;
  });
  return `<!doctype html><meta charset="utf-8"><title>Kartei: all views</title>
<style>body{font:13px sans-serif;margin:24px}div{display:flex;flex-wrap:wrap;gap:8px}
img{width:480px;border:1px solid #888}</style>${rows.join('\n')}\n`;
}

async function host(data) {
  const serve = ['--data', data, '--ui', ui, '--listen', '127.0.0.1:0'];
  return startReady(program('kartei-dev-host'), serve, 'kartei-dev-host listening on ');
}

const folder = temporaryFolder();
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: FLAGS,
});
try {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const scene = await desks(folder.path);
  try {
    const full = await host(scene.data);
    await until('a sync', async () => (await kartei(scene.data, 'status')).pending === 0);
    await looks(browser, 'full', full.rest, SIZES);
    await looks(browser, 'broken', full.rest, SIZES.slice(0, 1), true);
    await full.stop();
  } finally {
    await scene.stop();
  }
  const empty = await host(join(folder.path, 'empty'));
  await looks(browser, 'empty', empty.rest, SIZES.slice(0, 1));
  await empty.stop();
  writeFileSync(join(out, 'index.html'), page());
  console.log(`${taken.length} pictures: ${join(out, 'index.html')}`);
} finally {
  await browser.close();
  folder.remove();
}
