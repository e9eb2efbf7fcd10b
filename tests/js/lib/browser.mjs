// An ordinary browser before the dev host, and what every journey in it needs.
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { picturesFolder } from './processes.mjs';

/** Quiet and self-contained: a browser that looks for nothing outside. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

/** Opens a page, in English and light if nothing else is said. `faults` fills with what it logs as errors. */
export async function openPage(url, { locale = 'en-GB', colorScheme = 'light' } = {}) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale,
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const faults = [];
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // A problem's answer has a status that the browser logs by itself.
    const ofAnswers = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !ofAnswers) faults.push(message.text());
  });
  await page.goto(url);
  return { browser, page, faults };
}

/** Moves of a person on a page. */
export function movesOn(page) {
  return {
    /** A row of the list by its id. */
    row: (id) => page.getByRole('grid').getByRole('row').filter({ hasText: id }),
    goTo: (place) =>
      page.getByRole('navigation').getByRole('link', { name: place, exact: true }).click(),
    /** Fills a field and leaves it, which stores it. */
    set: async (field, text) => {
      await field.fill(text);
      await field.press('Enter');
    },
    /** Chooses files in the dialog that `press` opens. */
    choose: async (press, ...files) => {
      const chooser = page.waitForEvent('filechooser');
      await press();
      await (await chooser).setFiles(files);
    },
    picture: (name) => page.screenshot({ path: join(picturesFolder(), `browser-${name}.png`) }),
  };
}
