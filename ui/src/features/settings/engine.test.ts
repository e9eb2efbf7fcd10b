import { expect, test } from 'vitest';
import { webEngine } from './engine';

test.each([
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36',
    'Chromium 129',
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15',
    'WebKit 605.1.15',
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0', 'Gecko 131.0'],
  ['something else', ''],
])('%s', (userAgent, engine) => expect(webEngine(userAgent)).toBe(engine));
