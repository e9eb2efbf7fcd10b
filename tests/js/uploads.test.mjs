// Clients of uploads that are not ours, against a real relay: tus-js-client and tuspy, each ended in
// the middle and going on, and curl with the documentation's own examples.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { start, startRelay, temporaryFolder } from './lib/processes.mjs';

const MIB = 1024 * 1024;

/** Long enough that it is met in the middle, again and again. */
const BIG_BYTES = 256 * MIB;

/** Half of what a relay takes before it notes what is durable: so much is kept at least. */
const KEPT_BYTES = 32 * MIB;

// How full this machine's disk is has nothing to do with these tests.
process.env.KARTEI_KEEP_FREE_PERCENT = '0';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let folder;
let relay;
let token;

before(async () => {
  folder = temporaryFolder();
  relay = await startRelay(join(folder.path, 'relay'));
  token = await relay.token('analyst', 'uploader');
});

after(async () => {
  await relay?.stop();
  folder?.remove();
});

/** A file of bytes that nothing compresses and no other file has; answers its path and SHA-256. */
function fileOf(name, size) {
  const path = join(folder.path, name);
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  for (let left = size; left > 0; left -= 4 * MIB) {
    const block = randomFillSync(Buffer.alloc(Math.min(left, 4 * MIB)));
    hash.update(block);
    writeSync(file, block);
  }
  closeSync(file);
  return { path, sha256: hash.digest('hex') };
}

const ask = (path) => fetch(relay.url + path, { headers: { Authorization: `Bearer ${token}` } });

/** The only file of this name, as the relay tells of it. */
async function kept(name) {
  const { files } = await (await ask('/api/files?limit=100')).json();
  const named = files.filter((file) => file.name === name);
  assert.equal(named.length, 1, `${name} in ${JSON.stringify(files.map((file) => file.name))}`);
  return named[0];
}

/** That the relay has the file, and gives the same bytes back. */
async function assertKept(name, size, sha256) {
  const file = await kept(name);
  assert.equal(file.size, size);
  const answer = await ask(`/api/files/serve/${file.id}`);
  assert.equal(answer.status, 200);
  const hash = createHash('sha256');
  for await (const piece of answer.body) hash.update(piece);
  assert.equal(hash.digest('hex'), sha256, 'the bytes that come back');
  return file;
}

/**
 * Runs a client, with the token in its environment. `look(line)` is told each line of its output and
 * says whether to kill it now. Answers all lines.
 */
async function run(command, args, env = {}, look = () => false) {
  const client = start(command, args, { env: { TOKEN: token, ...env } });
  const lines = [];
  let killed = false;
  for await (const line of createInterface({ input: client.child.stdout })) {
    lines.push(line);
    if (!killed && look(line)) killed = client.child.kill('SIGKILL');
  }
  const code = await client.ended;
  assert.equal(code, killed ? null : 0, lines.slice(-5).join('\n'));
  await client.stop();
  return lines;
}

/** The numbers of the lines that begin with a word. */
const numbers = (lines, word) =>
  lines
    .filter((line) => line.startsWith(`${word} `))
    .map((line) => Number(line.slice(word.length)));

const past = (word, bytes) => (line) =>
  line.startsWith(`${word} `) && numbers([line], word)[0] >= bytes;

test('tus-js-client goes on after it was killed and after it was aborted', async () => {
  const { path, sha256 } = fileOf('tus-js.bin', BIG_BYTES);
  const urls = join(folder.path, 'tus-js.urls');
  const client = (...more) => [
    here('lib/tus-upload.mjs'),
    `${relay.url}/api/tus`,
    path,
    urls,
    ...more,
  ];
  const first = await run('node', client(), {}, past('sent', 100 * MIB));
  assert.ok(!first.includes('done') && first.includes('earlier 0'), first.at(-1));
  const second = await run('node', client(String(200 * MIB)));
  assert.ok(!second.includes('done') && second.includes('earlier 1'), second.at(-1));
  assert.ok(numbers(second, 'sent')[0] >= KEPT_BYTES, `it began anew: ${second[1]}`);
  const third = await run('node', client());
  assert.ok(third.includes('done') && third.includes('earlier 1'), third.at(-1));
  assert.ok(numbers(third, 'sent')[0] >= 100 * MIB, `it went back: ${third[1]}`);
  const file = await assertKept('tus-js.bin', BIG_BYTES, sha256);
  assert.equal(file.content_type, 'application/x-test');
});

test('tus-js-client sends parts at once and has them joined', async () => {
  const size = 64 * MIB + 12_345;
  const { path, sha256 } = fileOf('tus-js-parts.bin', size);
  const urls = join(folder.path, 'tus-js-parts.urls');
  const client = (abortAt) => [
    here('lib/tus-upload.mjs'),
    `${relay.url}/api/tus`,
    path,
    urls,
    abortAt,
    '4',
  ];
  const first = await run('node', client(String(32 * MIB)));
  assert.ok(!first.includes('done'), first.at(-1));
  const second = await run('node', client('Infinity'));
  assert.ok(second.includes('done') && second.includes('earlier 1'), second.at(-1));
  await assertKept('tus-js-parts.bin', size, sha256);
});

test('tuspy goes on after it was killed, at its last part', async () => {
  const { path, sha256 } = fileOf('tuspy.bin', BIG_BYTES);
  const packages = process.env.KARTEI_PYTHON;
  assert.ok(packages !== undefined && existsSync(packages), '`cargo xtask setup` installs tuspy');
  const args = [
    here('../python/tus_upload.py'),
    `${relay.url}/api/tus`,
    path,
    join(folder.path, 'tuspy.urls'),
  ];
  const env = { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' };
  const first = await run('python3', args, env, past('offset', 96 * MIB));
  assert.ok(!first.includes('done'), first.at(-1));
  const second = await run('python3', args, env);
  const [begun] = numbers(second, 'offset');
  // Killed within a part, of which whole pieces came; what was answered is there in any case.
  assert.ok(
    begun >= numbers(first, 'offset').at(-1) && begun < BIG_BYTES,
    `it went on at ${begun}`,
  );
  assert.ok(second.includes('done'), second.at(-1));
  await assertKept('tuspy.bin', BIG_BYTES, sha256);
});

test('curl does what the documentation says, as it stands there', async () => {
  const text = readFileSync(here('../../docs/uploads.md'), 'utf8');
  const examples = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, example]) => example);
  assert.ok(examples.length >= 3, 'docs/uploads.md has examples');
  const size = 40 * MIB + 7;
  const { path, sha256 } = fileOf('curl.bin', size);
  const cwd = join(folder.path, 'curl');
  mkdirSync(cwd);
  const env = { ...process.env, KARTEI_URL: relay.url, TOKEN: token, FILE: path };
  const script = ['-euo', 'pipefail', '-c', examples.join('\n')];
  const { stdout } = await promisify(execFile)('bash', script, { cwd, env });
  await assertKept('curl.bin', size, sha256);
  const back = readFileSync(join(cwd, 'back.bin'));
  assert.equal(createHash('sha256').update(back).digest('hex'), sha256, 'the download');
  const note = await kept('note.txt');
  assert.equal(await (await ask(`/api/files/serve/${note.id}`)).text(), 'hello\n');
  assert.match(stdout, /"state":"aborted"/);
  const { uploads } = await (await ask('/api/uploads')).json();
  assert.deepEqual(
    uploads.filter((upload) => upload.state === 'open'),
    [],
    'nothing is left open',
  );
});
