// Data folders as somebody has after a day of work: two real data sets, edits, a conflict, what was
// deleted, a file with mistakes, one that a scanner holds back.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePeople } from './people.mjs';
import { kartei, program, startRelay } from './processes.mjs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from './wait.mjs';

const data = (name) => fileURLToPath(new URL(`../../fixtures/data/${name}`, import.meta.url));

/** A customer with many orders: 220 observations in eighteen months. */
export const MANY = 'cdnow-00499';
/** A customer whom both edited. */
export const CONTESTED = 'cdnow-00100';
/** One of the sample's, which somebody wrote into. */
export const SAMPLED = 'bfi-61650';
/** One that was deleted. */
export const DELETED = 'cdnow-00007';

/** Anna's data folder, after Ben and she have worked beside each other; `stop` ends their relay. */
export async function desks(folder) {
  const scanner = join(folder, 'scanner');
  writeFileSync(scanner, '#!/bin/sh\nif grep -c virus >/dev/null; then exit 1; fi\n', { mode: 0o755 });
  const relay = await startRelay(join(folder, 'relay'), '--scanner', scanner);
  const [anna, ben] = ['anna', 'ben'].map((name) => join(folder, name));
  const token = await relay.token('admin', 'Anna Keller');
  await kartei(anna, 'login', relay.url, '--token', token);
  await kartei(ben, 'login', relay.url, '--token', await relay.token('analyst', 'Ben Ott'));
  await kartei(anna, 'import', data('bfi.ndjson.gz'), data('cdnow.ndjson.gz'));
  const mixed = join(folder, 'people.ndjson');
  writePeople(mixed);
  // Ends with a code of its own, because a line is rejected.
  await promisify(execFile)(program('kartei'), ['--data', anna, 'import', mixed]).catch(() => null);
  await kartei(anna, 'sync');
  await kartei(ben, 'sync');
  const notes = 'Called on Monday; asks for the catalogue by post.\nPays by invoice.';
  await kartei(anna, 'edit', MANY, '--set', 'attributes.city=Bern', '--set', `notes=${notes}`);
  await kartei(anna, 'edit', MANY, '--add-tag', 'vip', '--add-tag', 'catalogue');
  await kartei(anna, 'edit', CONTESTED, '--set', 'attributes.city=Bern');
  await kartei(ben, 'edit', CONTESTED, '--set', 'attributes.city=Ulm');
  await kartei(ben, 'edit', MANY, '--set', 'attributes.segment=loyal');
  await kartei(ben, 'sync');
  await kartei(anna, 'sync');
  await kartei(anna, 'edit', SAMPLED, '--set', 'notes=Answered twice.');
  await kartei(anna, 'delete', DELETED, 'cdnow-00008');
  await kartei(anna, 'sync');
  // Both sets are calibrated; a draft of the young ones would move some.
  for (const schema of ['bfi', 'cdnow']) {
    const { calibration } = await kartei(anna, 'calibrate', 'fit', schema);
    await kartei(anna, 'calibrate', 'activate', calibration.version);
  }
  await kartei(anna, 'calibrate', 'fit', 'bfi', '--filter', 'age<20');
  const found = join(folder, 'Invoice.doc');
  writeFileSync(found, 'a virus\n');
  const letter = join(folder, 'Letter of May.txt');
  writeFileSync(letter, 'Dear customer,\n');
  await kartei(anna, 'upload', data('cdnow.ndjson.gz'));
  await kartei(anna, 'upload', found);
  await kartei(anna, 'upload', letter);
  await until('what the scanner says', async () => {
    const answer = await fetch(`${relay.url}/api/files`, { headers: { authorization: `Bearer ${token}` } });
    const { files } = await answer.json();
    return files.length === 3 && files.every(({ scan }) => scan !== 'pending');
  });
  // The last on the list is of everybody; above it one of some, and one that somebody ended.
  await kartei(anna, 'analyze', 'quality');
  await kartei(anna, 'analyze', 'quality', '--filter', 'orders>=4');
  await relay.run('jobs', 'queue', '--org', 'Test', '--pause');
  const { job_id } = await kartei(anna, 'analyze', 'quality', '--filter', 'city:Bern', '--no-wait');
  await kartei(anna, 'jobs', 'cancel', job_id);
  await relay.run('jobs', 'queue', '--org', 'Test', '--resume');
  // Looking at one reads what is told of it: the one that is looked at has been read before.
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const told = await (await fetch(`${relay.url}/notifications`, { headers })).json();
  const { id } = told.notifications.at(-1);
  await fetch(`${relay.url}/notifications/read`, { method: 'POST', headers, body: JSON.stringify({ id }) });
  return { data: anna, stop: relay.stop };
}
