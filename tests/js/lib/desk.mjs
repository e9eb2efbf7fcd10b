// A person at a desk: a data folder that is signed in at a relay, a host, and a page in a browser.
import { join } from 'node:path';
import { movesOn, openPage } from './browser.mjs';
import { kartei, program, startReady } from './processes.mjs';
import { fileURLToPath } from 'node:url';

const ui = fileURLToPath(new URL('../../../ui/dist', import.meta.url));

/** Starts the host of a data folder; `rest` is the address of its page. */
export const startHost = (data, options) =>
  startReady(
    program('kartei-dev-host'),
    ['--data', data, '--ui', ui, '--listen', '127.0.0.1:0'],
    'kartei-dev-host listening on ',
    options,
  );

/** Somebody's desk below `folder`, in step with the relay; `file` is imported there before. */
export async function deskAt(relay, folder, name, { role = 'analyst', file = null } = {}) {
  const data = join(folder, name);
  await kartei(data, 'login', relay.url, '--token', await relay.token(role, name));
  if (file !== null) await kartei(data, 'import', file);
  await kartei(data, 'sync');
  const host = await startHost(data);
  const { browser, page, faults } = await openPage(host.rest);
  await page.getByText('Up to date').waitFor();
  const moves = movesOn(page);
  const inspector = (id) => page.getByRole('article', { name: `Profile ${id}` });
  return {
    data,
    host,
    browser,
    page,
    faults,
    ...moves,
    inspector,
    /** Opens a profile from the list. */
    open: async (id) => {
      await moves.goTo('Profiles');
      await moves.row(id).click();
      await inspector(id).waitFor();
    },
    stop: async () => {
      await browser.close();
      await host.stop();
    },
  };
}
