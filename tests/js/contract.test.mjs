// All checks of schemathesis over all that /openapi.json says, against a real relay; what it is told beside that stands in
// tests/python/contract. The requests are the same in every run.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRelay, temporaryFolder } from './lib/processes.mjs';

const CONTRACT = fileURLToPath(new URL('../python/contract', import.meta.url));
const SUMMARY_LINES = 60;

/** Runs a program to its end; what it said, and how it ended. */
const run = (program, args, options) =>
  new Promise((resolve) => {
    execFile(program, args, { ...options, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, said: `${stdout}${stderr}` }),
    );
  });

/** What requests can name: a file, an import, an analysis that ended, and its result. */
async function made(relay, token) {
  const ask = async (path, type, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const method = body === undefined ? 'GET' : 'POST';
    const answer = await fetch(`${relay.url}${path}`, { method, headers, body });
    assert.ok(answer.ok, `${path}: ${await answer.clone().text()}`);
    return answer.json();
  };
  const people = Array.from({ length: 20 }, (_, n) =>
    JSON.stringify({ schema: 'user_profile.v1', id: `p-${n}`, attributes: { n } }),
  );
  const lines = people.join('\n');
  const imported = await ask('/profiles/import', 'application/x-ndjson', lines);
  const upload = '/api/upload?action=create&complete=true&name=people.ndjson';
  const { file } = await ask(upload, 'application/octet-stream', lines);
  await ask('/analyze', 'application/json', JSON.stringify({ analysis: 'quality' }));
  const { jobs } = await ask('/analyze/jobs', 'application/json');
  const [job] = jobs;
  return {
    KARTEI_FILE: file,
    KARTEI_IMPORT: imported.import_id,
    KARTEI_JOB: job.job_id,
    KARTEI_RESULT: job.result_id,
  };
}

test('every operation keeps its contract', async () => {
  const folder = temporaryFolder();
  const relay = await startRelay(
    join(folder.path, 'relay'),
    // Requests with wrong tokens are part of it.
    ...['--rate-unknown-tokens', '1000000'],
  );
  try {
    const token = await relay.token('admin', 'contract');
    const { code, said } = await run(
      'python3',
      [
        ...['-m', 'schemathesis.cli', '--config-file', join(CONTRACT, 'schemathesis.toml')],
        ...['run', `${relay.url}/openapi.json`, '--checks', 'all', '--suppress-health-check', 'all'],
        ...['--header', `Authorization: Bearer ${token}`],
      ],
      {
        cwd: folder.path,
        env: {
          ...process.env,
          ...(await made(relay, token)),
          PYTHONPATH: `${process.env.KARTEI_PYTHON}:${CONTRACT}`,
          PYTHONDONTWRITEBYTECODE: '1',
          SCHEMATHESIS_HOOKS: 'kartei_contract',
        },
      },
    );
    assert.equal(code, 0, said);
    const [, selected, all] = /Selected: (\d+)\/(\d+)/.exec(said) ?? [];
    assert.equal(selected, all, said);
    assert.match(said, /✅ Coverage[^]*✅ Fuzzing[^]*✅ Stateful/, said);
    console.log(said.split('\n').slice(-SUMMARY_LINES).join('\n'));
  } finally {
    await relay.stop();
    folder.remove();
  }
});
