// Pictures of the window on a data folder, for the demo: the list and a profile with a conflict,
// light and dark. usage: node pictures.mjs --data DIR --profile ID --out DIR
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { saying, startDesktop } from './lib/webdriver.mjs';
import { appear, closeProfile, listed, openProfile, search, speakEnglish } from './lib/window-moves.mjs';

const { values } = parseArgs({
  options: { data: { type: 'string' }, profile: { type: 'string' }, out: { type: 'string' } },
});
/** Somebody who answered a questionnaire, which the demo calibrated. */
const SCORED = 'bfi-61617';
const picture = (name) => join(values.out, `${name}.png`);

const desktop = await startDesktop();
try {
  const window = await desktop.open(['--data', values.data]);
  await speakEnglish(window);
  await window.find('//*[@role="grid"]');
  for (const theme of ['light', 'dark']) {
    await appear(window, theme);
    await search(window, 'cdnow');
    await listed(window, 'cdnow-00001');
    await window.picture(picture(`list-${theme}`));
    await openProfile(window, values.profile);
    await window.find(saying('in conflict'));
    await search(window, 'cdnow');
    await listed(window, 'cdnow-00001');
    await window.picture(picture(`conflict-${theme}`));
    await closeProfile(window, values.profile);
    await search(window, SCORED);
    await openProfile(window, SCORED);
    await window.find(saying('Agreeableness'));
    await window.picture(picture(`scores-${theme}`));
    await closeProfile(window, SCORED);
  }
  await window.quit();
} finally {
  await desktop.stop();
}
