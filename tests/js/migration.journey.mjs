// A browser prototype's way into Kartei: the shipped script in a real browser, its files in a real relay and in a
// data folder by the commands of docs/migration.md as they stand there, and back again byte for byte.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bookmarkOf, documentNow } from '../../docs/migration/bookmark.mjs';
import { openPage } from './lib/browser.mjs';
import { linesOf } from './lib/lines.mjs';
import { kartei, picturesFolder, program, startRelay, temporaryFolder } from './lib/processes.mjs';
import * as prototype from './lib/prototype.mjs';
import { compile } from './lib/schema.mjs';
import { until } from './lib/wait.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SCRIPT = readFileSync(here('../../docs/migration/export-prototype.js'), 'utf8');
const DOCUMENT = readFileSync(here('../../docs/migration.md'), 'utf8');
const EXAMPLE = here('../../docs/migration/example');

const folder = temporaryFolder();
const opened = [];

let relay;
let token;
/** Where the browser's three files lie, and what is in them. */
let files;
let profiles;
let unmapped;
let manifest;

before(async () => {
  relay = await startRelay(join(folder.path, 'relay'));
  token = await relay.token('admin', 'Anna');
});

after(async () => {
  for (const { browser, server } of opened) {
    await browser.close();
    await server.stop();
  }
  await relay?.stop();
  folder.remove();
});

/** A page of a new origin, with databases and items. */
async function openPrototype({ databases = [], items = {} }) {
  const server = await prototype.servePrototype();
  const { browser, page, faults } = await openPage(server.url);
  opened.push({ browser, server });
  for (const database of databases) await page.evaluate(prototype.fillDatabase, database);
  await page.evaluate((all) => Object.assign(localStorage, all), items);
  return { page, faults };
}

/** Runs a script as the console does. */
async function inConsole(page, expression) {
  const console = await page.context().newCDPSession(page);
  const { exceptionDetails } = await console.send('Runtime.evaluate', {
    expression,
    replMode: true,
  });
  assert.equal(exceptionDetails, undefined);
}

/** The folder with the files that a page saves when `act` is done to it. */
async function saved(page, name, act) {
  const path = join(folder.path, name);
  const downloads = [];
  const note = (download) => downloads.push(download);
  page.on('download', note);
  await act();
  await until('three files', () => downloads.length === 3, 120_000);
  page.off('download', note);
  for (const download of downloads) await download.saveAs(join(path, download.suggestedFilename()));
  return path;
}

const parsed = (path) => linesOf(path).map((line) => JSON.parse(line));
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const manifestIn = (path) => JSON.parse(readFileSync(join(path, 'kartei-manifest.json'), 'utf8'));

/** What the relay says that an import would do. */
async function dryRun(file) {
  const answer = await fetch(`${relay.url}/profiles/import?dry_run=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: readFileSync(file),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

/** A profile without the keys of observations that are made of what they are the keys of. */
function withoutMadeKeys({ observations, ...more }) {
  if (observations === undefined) return more;
  const own = ({ id, ...fact }) => (/^(~|o-)/.test(id) ? fact : { id, ...fact });
  return { ...more, observations: observations.map(own) };
}

test('the script takes everything out of a page that can still be used', async () => {
  const rows = Array.from({ length: prototype.MANY }, (_, n) => [prototype.cachedProfile(n + 1)]);
  const cache = { store: 'profileCache', options: { keyPath: 'id' }, rows };
  const { page, faults } = await openPrototype({
    databases: [
      { name: 'cache', stores: [cache] },
      { name: 'prototype', make: String(prototype.nastyStores) },
      { name: 'empty', stores: [] },
    ],
    items: prototype.ITEMS,
  });
  await page.evaluate(() => {
    // Counts how often the page gets its turn.
    globalThis.turns = 0;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => port2.postMessage((globalThis.turns += 1));
    port2.postMessage(0);
  });
  const turns = () => page.evaluate(() => globalThis.turns);
  const first = await turns();
  files = await saved(page, 'console', () => inConsole(page, SCRIPT));
  assert.ok(
    (await turns()) - first > prototype.MANY / 200,
    'the page gets its turn with each piece',
  );
  await page.getByText('Complete', { exact: false }).first().waitFor();
  await page.screenshot({ path: join(picturesFolder(), 'migration-report.png') });
  assert.deepEqual(faults, []);
  profiles = parsed(join(files, 'kartei-profiles.ndjson.gz'));
  unmapped = parsed(join(files, 'kartei-unmapped.ndjson.gz'));
  manifest = manifestIn(files);
  const links = page.getByRole('link', { name: 'kartei-' });
  assert.equal(await links.count(), 3, 'for who refused the downloads');
  await page.getByRole('button', { name: 'Close' }).click();
  await links.first().waitFor({ state: 'detached' });
});

test('every record that has a place is in the import, as Kartei is to have it', () => {
  const validate = compile();
  for (const profile of profiles) {
    assert.ok(validate(profile), `${profile.id}: ${JSON.stringify(validate.errors)}`);
  }
  const many = profiles.filter(({ id }) => id.startsWith('p-')).map(withoutMadeKeys);
  const wanted = Array.from({ length: prototype.MANY }, (_, n) => prototype.importedProfile(n + 1));
  assert.deepEqual(many, wanted);
  const byId = (a, b) => (a.id < b.id ? -1 : 1);
  const others = profiles.filter(({ id }) => !id.startsWith('p-')).map(withoutMadeKeys);
  assert.deepEqual(others.sort(byId), prototype.IMPORTED.toSorted(byId));
});

test('what has no place is kept whole, with the reason', () => {
  const kept = unmapped.map(({ store, key, written, why }) => [store, key, written, ...why]);
  const sorted = (list) => list.map((one) => JSON.stringify(one)).sort();
  assert.deepEqual(sorted(kept), sorted(prototype.KEPT));
  const record = (name) =>
    unmapped.find(({ key }) => JSON.stringify(key) === JSON.stringify(name)).record;
  assert.equal(record('anna müller').display_name, 'No id of Kartei');
  const binary = new Map(record('binary').$Object);
  assert.deepEqual(binary.get('photo'), { $Blob: 'AAH+/w==', media: 'image/png', name: '' });
  assert.equal(binary.get('print').$Uint8Array, 'CAk=', 'only what the view shows');
  assert.deepEqual(binary.get('$note'), { $Object: [['$Date', 'is text here']] });
  assert.equal(record('beyond').attributes.half, '\ud800');
  assert.equal(record('beyond').attributes.nul, 'a\0b');
  assert.deepEqual(record('numbers').attributes.nan, { $Number: 'NaN' });
  assert.deepEqual(record('numbers').attributes.zero, { $Number: '-0' });
  assert.ok(Object.hasOwn(record('proto'), '__proto__'));
  const map = { $Map: [['a', { $Set: [{ $BigInt: '1' }, { $RegExp: '/x/gi' }] }]] };
  assert.deepEqual(record('map'), map);
  assert.deepEqual(record([1, 'two']), { $Undefined: 'undefined' });
  assert.deepEqual(record({ $Date: '1970-01-01T00:00:00.000Z' }), { $Error: 'Error: told' });
});

test('the manifest counts what was read, and has the digests of what was saved', () => {
  assert.deepEqual([manifest.complete, manifest.faults], [true, []]);
  const { read, observations, in_part } = manifest;
  assert.equal(manifest.profiles, profiles.length);
  assert.equal(read, manifest.profiles + observations + manifest.unmapped);
  assert.equal(unmapped.length, in_part + manifest.unmapped);
  for (const store of manifest.stores) {
    assert.equal(store.read, store.profiles + store.observations + store.unmapped, store.store);
  }
  const cache = manifest.stores.find(({ store }) => store === 'cache/profileCache');
  assert.deepEqual([cache.read, cache.profiles], [prototype.MANY, prototype.MANY]);
  assert.equal(manifest.left_out.behavior_vector, prototype.MANY);
  for (const { name, bytes, lines, ...digests } of manifest.files) {
    const file = readFileSync(join(files, name));
    const text = linesOf(join(files, name)).map((line) => `${line}\n`);
    assert.deepEqual([bytes, lines], [file.length, text.length], name);
    assert.deepEqual(digests, { sha256: sha256(file), text_sha256: sha256(text.join('')) }, name);
  }
});

test('the document does what it says: check, upload, compare, take back', async () => {
  const examples = [...DOCUMENT.matchAll(/^( *)```sh\n(.*?)^\1```$/gms)].map(
    ([, , example]) => example,
  );
  assert.ok(examples.length >= 6, 'docs/migration.md has its commands');
  const env = {
    ...process.env,
    PATH: `${dirname(program('kartei'))}:${process.env.PATH}`,
    KARTEI_KEYCHAIN: 'off',
    KARTEI_URL: relay.url,
    TOKEN: token,
  };
  const script = ['-euo', 'pipefail', '-c', examples.join('\n')];
  const { stdout } = await promisify(execFile)('bash', script, { cwd: files, env });
  const count = String(profiles.length);
  const [{ sha256: digest }] = manifest.files;
  // In the manifest, found by the file that was saved and by what the relay got, and in the answer to the dry run.
  assert.equal(stdout.split(`"sha256": "${digest}"`).length - 1, 2, stdout);
  assert.ok(stdout.includes(`"sha256":"${digest}"`), stdout);
  assert.match(stdout, new RegExp(`^${count}$`, 'm'), 'lines of the file');
  assert.match(stdout, new RegExp(`^ *${count} imported.ndjson$`, 'm'));
  assert.match(stdout, /^ *0 missing.ndjson$/m);
  assert.match(stdout, /"dry_run":true/);
  const answer = JSON.parse(readFileSync(join(files, 'answer.json'), 'utf8'));
  assert.deepEqual([answer.status, answer.created], ['completed', profiles.length]);
});

test('through a desktop: the same bytes come back, and deleting takes all of it from the relay', async () => {
  const imported = linesOf(join(files, 'kartei-profiles.ndjson.gz')).sort();
  assert.deepEqual(linesOf(join(files, 'exported.ndjson')).sort(), imported, 'by the document');
  const other = await startRelay(join(folder.path, 'other'));
  try {
    const data = join(folder.path, 'data');
    const authorization = `Bearer ${await other.token('admin', 'Anna')}`;
    const exported = async () => {
      const url = `${other.url}/profiles/export?format=ndjson`;
      const text = await (await fetch(url, { headers: { authorization } })).text();
      return text.split('\n').filter((line) => line !== '');
    };
    await kartei(data, 'login', other.url, '--token', authorization.slice('Bearer '.length));
    await kartei(data, 'import', join(files, 'kartei-profiles.ndjson.gz'));
    const own = join(folder.path, 'own.ndjson');
    await kartei(data, 'export', '--out', own);
    assert.deepEqual(linesOf(own).sort(), imported, 'from the data folder');
    await kartei(data, 'sync');
    assert.deepEqual((await exported()).sort(), imported, 'from the relay');
    // As `xargs` calls it: with as many ids as fit.
    await kartei(data, 'delete', ...profiles.map(({ id }) => id));
    await kartei(data, 'sync');
    assert.deepEqual(await exported(), []);
  } finally {
    await other.stop();
  }
});

test('importing again changes nothing: Kartei knows every record by its own hash', async () => {
  const answer = await dryRun(join(files, 'kartei-profiles.ndjson.gz'));
  const { created, updated, unchanged, rejected } = answer;
  assert.deepEqual([created, updated, unchanged, rejected], [0, 0, profiles.length, 0]);
});

test('the bookmark in the document is that of the script, and does the same', async () => {
  assert.equal(DOCUMENT, documentNow(), '`node docs/migration/bookmark.mjs` writes it anew');
  const { page } = await openPrototype({ items: prototype.ITEMS });
  const inPage = () => inConsole(page, SCRIPT);
  const click = () =>
    page.evaluate((link) => {
      location.href = link;
    }, bookmarkOf(SCRIPT));
  const [first, second] = [await saved(page, 'page', inPage), await saved(page, 'link', click)];
  const texts = (path) => manifestIn(path).files.map(({ text_sha256 }) => text_sha256);
  assert.deepEqual(texts(second), texts(first));
});

test('a mapping of its own, a wrapping cache, and a journal in seconds', async () => {
  const people = [[{ mail: 'anna@example.org', remarks: 'Likes tea.', password_hash: 'x' }]];
  const journal = [[{ mail: 'anna@example.org', type: 'visit', when: 1_770_000_000 }]];
  const cached = [[{ key: 1, pending: true, profile: { id: 'ben', name: 'Ben' } }]];
  const stores = [
    { store: 'people', options: { autoIncrement: true }, rows: people },
    { store: 'journal', options: { autoIncrement: true }, rows: journal },
    { store: 'cache', options: { keyPath: 'key' }, rows: cached },
  ];
  const { page } = await openPrototype({ databases: [{ name: 'crm', stores }] });
  const [example] = DOCUMENT.match(/(?<=^const MAPPING = )\{.*?^\}(?=;$)/ms);
  const mapping = `karteiMapping = ({ PROFILE, OBSERVATION }) => (${example});`;
  const path = await saved(page, 'crm', async () => {
    await inConsole(page, mapping);
    await inConsole(page, SCRIPT);
  });
  assert.deepEqual(parsed(join(path, 'kartei-profiles.ndjson.gz')), [
    { schema: 'user_profile.v1', id: 'ben', display_name: 'Ben', attributes: { key: 1 } },
    {
      schema: 'user_profile.v1',
      id: 'anna@example.org',
      notes: 'Likes tea.',
      observations: [{ id: '1', signal: 'visit', value: 1, at: '2026-02-02T02:40:00Z' }],
    },
  ]);
});

test('what cannot be taken out is named, and the rest is there', async () => {
  const { page } = await openPrototype({});
  await page.evaluate(prototype.fillDatabase, {
    name: 'odd',
    make: `() => {
      const itself = { id: 'itself' };
      itself.itself = itself;
      const rows = [[itself], [{ id: 'whole' }]];
      return [{ store: 'profiles', options: { keyPath: 'id' }, rows }];
    }`,
  });
  const path = await saved(page, 'odd', () => inConsole(page, SCRIPT));
  const { complete, faults, ...counts } = manifestIn(path);
  assert.deepEqual([complete, counts.profiles, counts.in_part], [false, 2, 1]);
  assert.match(faults[0], /^odd\/profiles: TypeError/);
  await page.getByText('NOT COMPLETE').waitFor();
});

test('an old browser without https: it asks for names, makes no database, and can be imported', async () => {
  const { page } = await openPrototype({
    databases: [{ name: 'app', make: String(prototype.smallStores) }],
    items: { theme: 'dark' },
  });
  page.on('dialog', (dialog) => dialog.accept('app, nowhere'));
  await page.evaluate(() => {
    globalThis.known = () => IDBFactory.prototype.listed.call(indexedDB);
    IDBFactory.prototype.listed = IDBFactory.prototype.databases;
    delete IDBFactory.prototype.databases;
    delete globalThis.CompressionStream;
    Object.defineProperty(globalThis, 'crypto', { value: undefined });
  });
  const path = await saved(page, 'old', () => inConsole(page, SCRIPT));
  const names = await page.evaluate(async () => (await globalThis.known()).map(({ name }) => name));
  assert.deepEqual(names, ['app']);
  const { faults, files: made } = manifestIn(path);
  assert.equal(faults.length, 1, 'the name that nobody has');
  assert.match(faults[0], /^nowhere: /);
  assert.ok(made.every((file) => !('sha256' in file)));
  const answer = await dryRun(join(path, 'kartei-profiles.ndjson'));
  assert.deepEqual([answer.created, answer.rejected], [2, 0]);
});

test('the example bundle is what the script makes of a small prototype', async () => {
  const { page } = await openPrototype({
    databases: [{ name: 'app', make: String(prototype.smallStores) }],
    items: { theme: 'dark' },
  });
  await page.evaluate(() => delete globalThis.CompressionStream);
  const path = await saved(page, 'example', () => inConsole(page, SCRIPT));
  for (const name of readdirSync(path)) {
    const text = readFileSync(join(path, name), 'utf8')
      .replace(/"origin": ".*"/, '"origin": "https://prototype.example"')
      .replace(/"made_at": ".*"/, '"made_at": "2026-11-20T08:30:00.000Z"');
    const file = join(EXAMPLE, name);
    if (process.env.KARTEI_EXAMPLE === 'write') {
      mkdirSync(EXAMPLE, { recursive: true });
      writeFileSync(file, text);
    }
    assert.ok(existsSync(file), `${name} is not there: KARTEI_EXAMPLE=write writes it`);
    assert.equal(readFileSync(file, 'utf8'), text, name);
  }
});
