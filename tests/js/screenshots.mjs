// A picture of every view: full, empty and broken; light and dark; English and German; two sizes.
// Started by `cargo xtask screenshots`; the pictures and a page with all of them go to target/screenshots.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { CHROMIUM, FLAGS } from './lib/browser.mjs';
import { startHost } from './lib/desk.mjs';
import { kartei, picturesFolder, temporaryFolder } from './lib/processes.mjs';
import { desks } from './lib/scene.mjs';
import { PLAIN, show, VIEWS } from './lib/views.mjs';
import { until } from './lib/wait.mjs';

const out = picturesFolder();

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
const LOOKS = ['light', 'dark'].flatMap((colorScheme) =>
  ['en-GB', 'de-DE'].map((locale) => ({ colorScheme, locale })),
);

const taken = [];

async function picture(page, state, view, look, size) {
  const language = look.locale.slice(0, 2);
  const name = `${view.name}.${state}.${language}.${look.colorScheme}.${size.width}.png`;
  await show(page, page.base, view);
  await page.screenshot({ path: join(out, name) });
  taken.push({ view: view.name, name });
}

/** All views of a data folder in one look. */
async function looks(browser, state, base, views, sizes, broken = false) {
  for (const size of sizes) {
    for (const look of LOOKS) {
      const context = await browser.newContext({
        viewport: size,
        reducedMotion: 'reduce',
        ...look,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      page.base = base;
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
      for (const view of views) await picture(page, state, view, look, size);
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
    const full = await startHost(scene.data);
    await until('a sync', async () => (await kartei(scene.data, 'status')).pending === 0);
    await looks(browser, 'full', full.rest, VIEWS, SIZES);
    await looks(browser, 'broken', full.rest, PLAIN, SIZES.slice(0, 1), true);
    await full.stop();
  } finally {
    await scene.stop();
  }
  const empty = await startHost(join(folder.path, 'empty'));
  await looks(browser, 'empty', empty.rest, PLAIN, SIZES.slice(0, 1));
  await empty.stop();
  writeFileSync(join(out, 'index.html'), page());
  console.log(`${taken.length} pictures: ${join(out, 'index.html')}`);
} finally {
  await browser.close();
  folder.remove();
}
