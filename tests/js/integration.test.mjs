// docs/integration.md, run as it stands: bash with curl, Python and JavaScript, against a real relay.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startRelay, temporaryFolder } from './lib/processes.mjs';

// How full this machine's disk is has nothing to do with these tests.
process.env.KARTEI_KEEP_FREE_PERCENT = '0';

const GUIDE = readFileSync(
  fileURLToPath(new URL('../../docs/integration.md', import.meta.url)),
  'utf8',
);

/** The guide's examples in a language, as one program. */
const examples = (language) =>
  [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))]
    .map(([, example]) => example)
    .join('\n');

let folder;
let relay;
let cwd;
let env;

before(async () => {
  folder = temporaryFolder();
  relay = await startRelay(join(folder.path, 'relay'));
  cwd = join(folder.path, 'guide');
  mkdirSync(cwd);
  const file = join(folder.path, 'file.bin');
  writeFileSync(file, Buffer.alloc(300_000, 'kartei'));
  env = {
    ...process.env,
    KARTEI_URL: relay.url,
    TOKEN: await relay.token('analyst', 'warehouse'),
    ADMIN_TOKEN: await relay.token('admin', 'office'),
    FILE: file,
    // A name that is nobody's, by RFC 2606: what is sent there reaches nobody.
    HOOK_URL: 'https://hooks.invalid/kartei',
    PYTHONDONTWRITEBYTECODE: '1',
  };
});

after(async () => {
  await relay?.stop();
  folder?.remove();
});

const run = async (program, ...args) =>
  (await promisify(execFile)(program, args, { cwd, env, timeout: 60_000 })).stdout;
const written = (name) => readFileSync(join(cwd, name), 'utf8');

test('curl: import, read, edit, upload, analyse, webhook', async () => {
  const stdout = await run('bash', '-euo', 'pipefail', '-c', examples('sh'));
  assert.match(stdout, /"record_bytes":/, 'limits');
  const imported = JSON.parse(written('import.json'));
  assert.deepEqual([imported.status, imported.created], ['completed', 2]);
  assert.match(stdout, /"total":1/, 'one of two is a vip');
  assert.equal(written('export.ndjson').trim().split('\n').length, 2);
  assert.match(stdout, /"city":"Zürich"/);
  assert.match(stdout, /\}412$/m, 'the tag is an old one by then');
  const conflict = JSON.parse(written('conflict.json'));
  assert.equal(conflict.current.record.attributes.city, 'Zürich');
  assert.deepEqual(readFileSync(join(cwd, 'back.bin')), readFileSync(env.FILE));
  assert.equal(JSON.parse(written('quality.json')).analysis, 'quality');
  assert.match(written('events.txt'), /^event: completed$/m);
  assert.match(JSON.parse(written('webhook.json')).secret, /^whsec_/);
});

test('Python: the feed, an edit that meets nobody, the signature of a webhook', async () => {
  const { secret } = JSON.parse(written('webhook.json'));
  const body = '{"type": "job.completed"}';
  const moment = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`msg-1.${moment}.${body}`).digest('base64');
  const headers = {
    'webhook-id': 'msg-1',
    'webhook-timestamp': moment,
    'webhook-signature': `v1,${signature}`,
  };
  const judged = `
secret, headers, body = json.loads(os.environ["SENT"])
print(is_ours(secret, headers, body.encode()), is_ours(secret, headers, b"{}"))
print(is_ours(secret, {**headers, "webhook-timestamp": "1700000000"}, body.encode()))
`;
  env.SENT = JSON.stringify([secret, headers, body]);
  const stdout = await run('python3', '-c', examples('python') + judged);
  assert.match(stdout, /^w-1 \d+ False$/m);
  assert.match(stdout, /^w-2 \d+ False$/m);
  assert.match(stdout, /^4$/m, 'three orders and one');
  assert.match(stdout, /^True False\nFalse$/m);
});

test('JavaScript: the feed as it happens', async () => {
  writeFileSync(join(cwd, 'feed.mjs'), examples('js'));
  const stdout = await run('node', 'feed.mjs');
  assert.match(stdout, /^w-1 \d+$/m);
  assert.match(stdout, /^w-2 \d+$/m);
});
