// What is written down for those who run a relay names options that there are: packaged units, containers, documents.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { runProgram, temporaryFolder } from './lib/processes.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const yaml = (path) => parse(read(path), { merge: true });

let folder;
/** The long options of both programs, with all their commands. */
let options;
/** The help of `serve`, `work` and `migrate`. */
let help;

before(async () => {
  folder = temporaryFolder();
  options = new Set();
  for (const name of ['kartei', 'kartei-relay']) {
    await runProgram(name, ['papers', folder.path]);
    const completion = join(folder.path, 'bash-completion/completions', name);
    for (const option of readFileSync(completion, 'utf8').match(/--[a-z][a-z0-9-]+/g)) options.add(option);
  }
  help = {};
  for (const command of ['serve', 'work', 'migrate']) {
    help[command] = (await runProgram('kartei-relay', [command, '--help'])).stdout;
  }
});

after(() => folder?.remove());

/** Variables that no option has, and the files of the code that read them. */
const VARIABLES = {
  KARTEI_DATABASE_PASSWORD_FILE: 'crates/relay-store/src/postgres/connect.rs',
  AWS_ACCESS_KEY_ID: 'crates/blob-store/src/s3.rs',
  AWS_SECRET_ACCESS_KEY_FILE: 'crates/blob-store/src/s3.rs',
};

function assertVariable(name, told) {
  if (name in VARIABLES) assert.ok(read(VARIABLES[name]).includes(name), name);
  else assert.ok(told.includes(`env: ${name}`), `no option has the variable ${name}`);
}

test('documents for operators name options that there are', () => {
  // Options of other programs, which stand there too.
  const others = ['--only', '--quick', '--version', '--now', '--build'];
  for (const page of ['packages', 'tuning', 'rollout', 'disaster-recovery', 'cdn']) {
    const spans = read(`docs/${page}.md`).match(/`[^`\n]+`/g) ?? [];
    const named = spans.flatMap((span) => span.match(/--[a-z][a-z-]+/g) ?? []);
    const wrong = named.filter((option) => !options.has(option) && !others.includes(option));
    assert.deepEqual(wrong, [], `docs/${page}.md`);
  }
});

test('the packaged units and their settings', () => {
  const settings = read('ops/debian/relay/relay.env');
  const names = [...settings.matchAll(/^#?([A-Z0-9_]+)=/gm)].map(([, name]) => name);
  assert.ok(names.length >= 5, 'there are settings');
  // Of the unit alone: what it hands over to the command line.
  for (const name of names.filter((one) => one !== 'KARTEI_SERVE_OPTIONS')) {
    assertVariable(name, help.serve);
  }
  for (const option of settings.match(/--[a-z][a-z-]+/g)) {
    assert.ok(option === '--help' || help.serve.includes(`${option} `), option);
  }
});

test('the containers: commands, variables, and files that are mounted', () => {
  const compose = yaml('ops/container/compose.yml');
  for (const name of ['migrate', 'relay', 'worker']) {
    const { command, environment, secrets } = compose.services[name];
    const told = help[command[0]];
    assert.ok(told, `${name}: ${command[0]}`);
    for (const option of command.filter((word) => word.startsWith('--'))) {
      assert.ok(told.includes(`${option} `), `${command[0]} has no ${option}`);
    }
    for (const [variable, value] of Object.entries(environment)) {
      assertVariable(variable, told);
      const secret = /^\/run\/secrets\/(.*)$/.exec(value)?.[1];
      if (secret !== undefined) assert.ok(secrets.includes(secret), `${name} does not get ${secret}`);
    }
  }
  const made = read('ops/container/secrets.sh');
  for (const name of Object.keys(compose.secrets)) assert.ok(made.includes(name), `${name} is made`);
  for (const [name, { volumes = [], secrets = [] }] of Object.entries(compose.services)) {
    for (const secret of secrets) assert.ok(secret in compose.secrets, `${name}: ${secret}`);
    for (const volume of volumes) {
      const [from] = volume.split(':');
      const there = from.startsWith('.')
        ? existsSync(resolve(join(root, 'ops/container'), from))
        : from in compose.volumes;
      assert.ok(there, `${name}: ${volume}`);
    }
  }
  const image = read('ops/container/Containerfile');
  for (const option of ['--listen']) assert.ok(image.includes(option) && help.serve.includes(option));
  assert.ok(existsSync(join(root, dirname(compose['x-relay'].build.dockerfile))));
});

test('Prometheus asks where the numbers are, under the name that the alerts know', () => {
  const { services } = yaml('ops/container/compose.yml');
  const [job] = yaml('ops/container/prometheus.yml').scrape_configs;
  assert.equal(job.job_name, yaml('ops/prometheus/prometheus.yml').scrape_configs[0].job_name);
  for (const target of job.static_configs[0].targets) {
    const [host, port] = target.split(':');
    assert.equal(services[host].environment.KARTEI_METRICS_LISTEN, `0.0.0.0:${port}`);
  }
  const [source] = yaml('ops/container/grafana/datasources.yml').datasources;
  assert.ok(new URL(source.url).hostname in services);
});
