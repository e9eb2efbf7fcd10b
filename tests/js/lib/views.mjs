// Every view and dialog of the window: its address, and what is done there until it shows. Pictures
// are taken of them, they are looked over for everybody's use, and some are written down as what a
// screen reader is told. What is done knows no language: roles, keys and places only.
import { CONTESTED, DELETED, MANY } from './scene.mjs';
import { until } from './wait.mjs';

const press =
  (...keys) =>
  async (page) => {
    for (const key of keys) await page.keyboard.press(key);
  };
const filtered = (filter) => `#/profiles?filter=${encodeURIComponent(filter)}`;
/** A tab of the open profile; `then` goes on from there. */
const tab = (at, then) => async (page) => {
  await page.getByRole('article').getByRole('tab').nth(at).click();
  await then?.(page);
};
/** Opens the menu at a button, and takes the item at a place in it; null: leaves it open. */
const menu = (button, item) => async (page) => {
  await page.locator(button).first().click();
  await page.getByRole('menu').waitFor();
  if (item !== null) await page.getByRole('menuitem').nth(item).click();
};
const menuItem = (at) => async (page) => {
  await page.getByRole('menu').waitFor();
  await page.getByRole('menuitem').nth(at).click();
};
const click = (selector) => (page) => page.locator(selector).first().click();
const all =
  (...acts) =>
  async (page) => {
    for (const act of acts) await act(page);
  };
/** Picks every row that the table shows. */
const pickAll = async (page) => {
  await page.getByRole('grid').getByRole('row').nth(1).waitFor();
  await page.keyboard.press('Control+a');
  await page.getByRole('toolbar').waitFor();
};
/** Picks the first two rows that the table shows. */
const pickTwo = async (page) => {
  for (const at of [1, 2]) {
    await page.getByRole('grid').getByRole('row').nth(at).getByRole('checkbox').click();
  }
  await page.getByRole('toolbar').waitFor();
};
/** A row of the analyses. */
const ANALYSES = 'main li';
/** A row of the calibrations, and of the schemas below them. */
const CALIBRATIONS = 'main li';
const SCHEMAS = '[aria-labelledby=calibration-schemas]';
/** A row of the relay's files. */
const FILES = '[aria-labelledby=uploads-files] li';
const dialog = (page) => page.locator('dialog[open]').waitFor();
/** Says yes to a dialog that is followed by another one. */
const nextDialog = async (page) => {
  const title = page.locator('dialog[open] h2');
  const before = await title.innerText();
  await page.locator('dialog[open] button.primary').click();
  await until('another dialog', async () => (await title.allInnerTexts()).some((text) => text !== before));
};
/** Drops a file of this name on the window. */
const drop = (name) => (page) =>
  page.evaluate((name) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], name));
    window.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
  }, name);
/** The last of the data folder's settings. */
const ENCRYPTION = 'main section.setting[aria-busy]:last-of-type';
const UNDO_IMPORT = '[aria-labelledby=past-title] .end button';

/**
 * `dialog` names the component of which this is the picture; `aria` the part that is written down as a
 * screen reader is told it: what is the same in each run; `waits` says that nothing is done there but to
 * wait for what it shows.
 */
export const VIEWS = [
  { name: 'profiles', hash: '#/profiles' },
  { name: 'profiles-filtered', hash: filtered('id:cdnow-0000*'), aria: 'main' },
  { name: 'profiles-none', hash: filtered('city:Nowhere') },
  { name: 'profiles-wrong-filter', hash: filtered('orders>=4 AND tags:x') },
  {
    name: 'profiles-completion',
    hash: '#/profiles',
    act: async (page) => {
      await page.getByRole('combobox').pressSequentially('tag:v');
      await page.getByRole('option').first().waitFor();
    },
  },
  { name: 'profiles-facets', hash: '#/profiles', act: press('f') },
  { name: 'profiles-columns', hash: '#/profiles', act: click('main header .icon-button[aria-haspopup]') },
  { name: 'profiles-row-menu', hash: '#/profiles', act: press('j', 'Shift+F10') },
  { name: 'profiles-filter-help', hash: '#/profiles', act: click('search button[aria-haspopup]') },
  { name: 'views-menu', hash: '#/profiles', act: press('v') },
  {
    name: 'view-name',
    hash: '#/profiles',
    act: all(press('v'), menuItem(0), dialog),
    dialog: 'ViewNameDialog',
  },
  { name: 'picked', hash: '#/profiles', act: pickAll },
  {
    name: 'bulk',
    hash: '#/profiles',
    act: all(pickAll, click('[role=toolbar] .primary'), dialog),
    dialog: 'BulkDialog',
  },
  {
    name: 'export',
    hash: '#/profiles',
    act: all(pickAll, click('[role=toolbar] .button:nth-of-type(3)'), dialog),
    dialog: 'ExportDialog',
  },
  { name: 'profile', hash: `#/profiles/${MANY}`, aria: 'article' },
  { name: 'profile-conflict', hash: `#/profiles/${CONTESTED}` },
  { name: 'profile-observations', hash: `#/profiles/${MANY}`, act: tab(1) },
  { name: 'profile-observation-table', hash: `#/profiles/${MANY}`, act: tab(1, press('t')) },
  { name: 'profile-history', hash: `#/profiles/${MANY}`, act: tab(2) },
  {
    name: 'profile-version',
    hash: `#/profiles/${MANY}`,
    act: tab(2, click('[role=tabpanel] li:last-child button')),
  },
  {
    name: 'profile-restore',
    hash: `#/profiles/${MANY}`,
    act: all(
      tab(2, click('[role=tabpanel] li:last-child button')),
      click('[role=tabpanel] .button:not(.ghost)'),
      dialog,
    ),
    dialog: 'VersionView',
  },
  {
    name: 'profile-erase',
    hash: `#/profiles/${MANY}`,
    act: all(menu('article [aria-haspopup=menu]', 1), dialog),
    dialog: 'EraseDialog',
  },
  {
    name: 'profiles-merge',
    hash: '#/profiles',
    act: all(pickTwo, click('[role=toolbar] .button:not(.ghost)'), dialog),
    dialog: 'MergeDialog',
  },
  { name: 'profile-gone', hash: '#/profiles/nobody-knows' },
  { name: 'profile-hidden', hash: `#/profiles/${MANY}?filter=${encodeURIComponent('city:Nowhere')}` },
  { name: 'profile-deleted', hash: `#/profiles/${DELETED}` },
  { name: 'conflicts', hash: '#/conflicts', aria: 'main' },
  {
    name: 'conflict',
    hash: '#/conflicts',
    act: all(click('[role=grid] [role=row] >> nth=1'), dialog),
    dialog: 'ConflictDialog',
    aria: 'dialog[open]',
  },
  { name: 'imports', hash: '#/imports', aria: 'main' },
  { name: 'import-report', hash: '#/imports', act: click('main section button[aria-expanded]') },
  {
    name: 'import-undo',
    hash: '#/imports',
    act: all(click(UNDO_IMPORT), dialog),
    dialog: 'PastImports',
  },
  {
    name: 'import-delete',
    hash: '#/imports',
    // The relay has it, so it can only be deleted.
    act: all(click(UNDO_IMPORT), dialog, nextDialog),
    dialog: 'DeleteImported',
  },
  { name: 'drop-meant', hash: '#/profiles', act: all(drop('scan.pdf'), dialog), dialog: 'MeantDialog' },
  { name: 'uploads', hash: '#/uploads', act: (page) => page.locator(FILES).first().waitFor(), waits: true },
  {
    name: 'file-attach',
    hash: '#/uploads',
    act: all(menu(`${FILES} [aria-haspopup=menu]`, 1), dialog),
    dialog: 'AttachDialog',
  },
  {
    name: 'file-delete',
    hash: '#/uploads',
    act: all(menu(`${FILES} [aria-haspopup=menu]`, 2), dialog),
    dialog: 'UploadsView',
  },
  {
    name: 'analyses',
    hash: '#/analyses',
    act: (page) => page.locator(ANALYSES).first().waitFor(),
    waits: true,
  },
  {
    name: 'analysis',
    hash: '#/analyses',
    act: all(click(`${ANALYSES} a >> nth=-1`), (page) => page.locator('#report-attributes').waitFor()),
  },
  {
    name: 'analysis-new',
    hash: '#/analyses',
    act: all(click('main header .button'), dialog),
    dialog: 'NewAnalysis',
  },
  { name: 'calibration', hash: '#/calibration', act: (page) => page.locator(CALIBRATIONS).first().waitFor() },
  {
    name: 'calibration-draft',
    hash: '#/calibration',
    act: all(click(`${CALIBRATIONS} a`), (page) => page.locator('#calibration-signals').first().waitFor()),
  },
  {
    name: 'calibration-new',
    hash: '#/calibration',
    act: all(click('main header .button'), dialog),
    dialog: 'NewCalibration',
  },
  {
    name: 'calibration-schema',
    hash: '#/calibration',
    act: all(click(`${SCHEMAS} li button`), dialog),
    dialog: 'SchemaDialog',
  },
  {
    name: 'calibration-schema-rows',
    hash: '#/calibration',
    // The first signal, and the first trait.
    act: all(
      click(`${SCHEMAS} li button`),
      click('dialog .signals [data-row]'),
      click('dialog .dimensions [data-row]'),
    ),
  },
  {
    name: 'calibration-schema-wrong',
    hash: '#/calibration',
    act: all(click(`${SCHEMAS} li button`), click('dialog .signals [data-row]'), async (page) => {
      await page.locator('[id="schema/signals/0/range"]').fill('9');
      await page.locator('[id="schema/signals/0/name"]').fill('');
      await page.locator('dialog [aria-invalid=true]').first().waitFor();
    }),
  },
  {
    name: 'calibration-schema-json',
    hash: '#/calibration',
    act: all(click(`${SCHEMAS} li button`), click('dialog [role=tab] >> nth=1')),
  },
  {
    name: 'calibration-schema-new',
    hash: '#/calibration',
    act: all(click(`${SCHEMAS} header button`), dialog),
    dialog: 'SchemaDialog',
    aria: 'dialog[open]',
  },
  {
    name: 'notifications',
    hash: '#/notifications',
    act: (page) => page.locator('main li').first().waitFor(),
    waits: true,
  },
  { name: 'sync', hash: '#/sync', aria: 'main' },
  { name: 'administration', hash: '#/administration' },
  { name: 'deleted', hash: '#/deleted', aria: 'body' },
  { name: 'settings', hash: '#/settings/appearance', aria: 'main' },
  { name: 'data', hash: '#/settings/data' },
  { name: 'log', hash: '#/settings/log' },
  { name: 'diagnostics', hash: '#/settings/diagnostics', act: all(click('main button.primary'), (page) => page.getByRole('tabpanel').waitFor()) },
  { name: 'about', hash: '#/settings/about' },
  { name: 'shortcuts', hash: '#/profiles', act: all(press('?'), dialog), dialog: 'Shortcuts', aria: 'dialog[open]' },
  { name: 'palette', hash: '#/profiles', act: press('Control+k') },
  {
    name: 'steps',
    hash: '#/profiles',
    act: all(click('footer [role=group] button:last-child'), dialog),
    dialog: 'StepsDialog',
  },
  { name: 'workspace-menu', hash: '#/profiles', act: menu('.icon-button.workspace', null) },
  {
    name: 'workspace-add',
    hash: '#/profiles',
    act: all(menu('.icon-button.workspace', 0), dialog),
    dialog: 'AddWorkspace',
  },
  {
    name: 'workspaces',
    hash: '#/profiles',
    act: all(menu('.icon-button.workspace', 1), dialog),
    dialog: 'WorkspacesDialog',
  },
  {
    name: 'sample-remove',
    hash: '#/profiles',
    act: all(click('footer .activity button'), dialog),
    dialog: 'SampleDialog',
  },
];

/** What can be shown where nothing is, or nothing answers. */
export const PLAIN = VIEWS.filter(({ act, waits }) => act === undefined || waits).map(({ name, hash }) => ({
  name,
  hash,
}));

/** The settings where a keychain answers; keychain.journey.mjs has one. */
export const BEFORE_ENCRYPTION = [
  { name: 'encryption-off', hash: '#/settings/data' },
  {
    name: 'encrypt',
    hash: '#/settings/data',
    act: all(click(`${ENCRYPTION} .button`), dialog),
    dialog: 'EncryptDialog',
  },
];

/** The settings of a database that is encrypted. */
export const ENCRYPTED = [
  { name: 'encryption-on', hash: '#/settings/data' },
  { name: 'recovery-key', hash: '#/settings/data', act: all(click(`${ENCRYPTION} .button >> nth=0`), dialog) },
  {
    name: 'decrypt',
    hash: '#/settings/data',
    act: all(click(`${ENCRYPTION} .button >> nth=1`), dialog),
    dialog: 'EncryptionSettings',
  },
];

/** What stands before everything where the key is not to be had. */
export const CLOSED = { name: 'closed', hash: '#/profiles' };

/** Dialogs that no view of the scene opens, and why that is enough. */
export const DIALOGS_ELSEWHERE = {
  ConfirmDialog: 'shown by others: sample-remove, profile-restore',
  ViewSwitcher: 'asks with a ConfirmDialog whether a view is to be deleted',
  TakeRelays: 'needs a profile that the relay refused; it asks with a Dialog and DialogActions',
  RefusedDialog: 'needs a step that was partly refused; a table in a Dialog',
  WorkspaceSwitcher: 'a ProblemNote in a Dialog, when another workspace cannot be opened',
  LinkProblem: 'a ProblemNote in a Dialog, when a link of another program leads nowhere',
};

/** Goes to a view and waits until it is at rest. */
export async function show(page, base, view) {
  // What somebody chose in the view before (facets, widths) is not what this one is about.
  if (page.url().startsWith(base)) await page.evaluate(() => localStorage.clear());
  // From another page, or an address that differs behind the hash alone would not begin anew.
  await page.goto('about:blank');
  await page.goto(`${base}/${view.hash}`);
  // A closed workspace has a page of its own before the one that is inert.
  await page.locator('main').first().waitFor();
  await settled(page);
  await view.act?.(page);
  await settled(page);
}

/** Waits until the view has not changed for a while: what is on its way says nothing. */
async function settled(page) {
  let before = '';
  await until('a view that is at rest', async () => {
    const now = await page.evaluate(() => document.body.innerText + document.body.innerHTML.length);
    const same = now === before;
    before = now;
    return same;
  });
}
