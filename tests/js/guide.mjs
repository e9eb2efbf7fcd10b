// The pictures of the user guide, in English and German. Started by `cargo xtask screenshots guide`; they go to
// docs/guide/pictures, where they are part of the tree: look at each one before it is committed.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { CHROMIUM, FLAGS } from './lib/browser.mjs';
import { startHost } from './lib/desk.mjs';
import { kartei, picturesFolder, temporaryFolder } from './lib/processes.mjs';
import { desks } from './lib/scene.mjs';
import { show, VIEWS } from './lib/views.mjs';
import { until } from './lib/wait.mjs';

/** Views by the names that they have in lib/views.mjs. */
const SHOWN = [
  'profiles-facets',
  'profile-conflict',
  'profile-observations',
  'imports',
  'analysis',
  'uploads',
];

const out = picturesFolder();
mkdirSync(out, { recursive: true });
const folder = temporaryFolder();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
try {
  const scene = await desks(folder.path);
  try {
    const host = await startHost(scene.data);
    await until('a sync', async () => (await kartei(scene.data, 'status')).pending === 0);
    for (const locale of ['en-GB', 'de-DE']) {
      const context = await browser.newContext({
        viewport: { width: 1100, height: 700 },
        colorScheme: 'light',
        reducedMotion: 'reduce',
        locale,
      });
      const page = await context.newPage();
      for (const name of SHOWN) {
        const view = VIEWS.find((one) => one.name === name);
        await show(page, host.rest, view);
        await page.screenshot({ path: join(out, `${name}.${locale.slice(0, 2)}.png`) });
      }
      await context.close();
    }
    await host.stop();
  } finally {
    await scene.stop();
  }
} finally {
  await browser.close();
  folder.remove();
}
