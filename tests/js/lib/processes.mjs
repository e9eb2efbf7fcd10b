// The built programs as processes. All that is started here ends with its test.
import { spawn, execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** The path of a program, such as `kartei`: the installed one where there is one, else as built. */
export function program(name) {
  const installed = process.env.KARTEI_INSTALLED;
  if (installed !== undefined && existsSync(join(installed, name))) return join(installed, name);
  const folder = process.env.KARTEI_PROGRAMS;
  if (folder === undefined) throw new Error('run this through `cargo xtask test --only …`');
  const path = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
  if (!existsSync(path)) throw new Error(`${path} is not built: \`cargo xtask test --only build\``);
  return path;
}

/** A temporary folder, and what takes it away again. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'kartei-journey-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Where pictures of a journey go. */
export function picturesFolder() {
  const folder = process.env.KARTEI_PICTURES ?? join(tmpdir(), 'kartei-journey');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Groups that still run; they end with this process, however it ends. */
const running = new Set();
process.once('exit', () => running.forEach((signal) => signal('SIGKILL')));
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => process.exit(1));

/**
 * Starts a program. It gets a group of its own, so that what it starts ends with it. `stop` asks
 * the group to end and waits; what does not end in time is killed.
 */
export function start(command, args, { env = {}, stdio = ['ignore', 'pipe', 'inherit'] } = {}) {
  // No journey writes into the keychain of whoever runs it.
  const whole = { ...process.env, KARTEI_KEYCHAIN: 'off', ...env };
  const child = spawn(command, args, { env: whole, stdio, detached: true });
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // The group is gone already.
    }
  };
  running.add(signal);
  const stop = async () => {
    signal('SIGTERM');
    const late = setTimeout(() => signal('SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
    // What the first process left behind in its group.
    signal('SIGKILL');
    running.delete(signal);
  };
  return { child, ended, stop };
}

/** Starts a program and waits for the line of its output that begins with `ready`. */
export async function startReady(command, args, ready, options) {
  const started = start(command, args, options);
  const rest = await new Promise((resolve, reject) => {
    started.ended.then((code) => reject(new Error(`${command} ended (${code}) before \`${ready}\``)));
    createInterface({ input: started.child.stdout }).on('line', (line) => {
      if (line.startsWith(ready)) resolve(line.slice(ready.length).trim());
    });
  });
  return { ...started, rest };
}

const run = promisify(execFile);

/** `kartei` on a data folder; answers its JSON. */
export async function kartei(data, ...args) {
  const { stdout } = await run(program('kartei'), ['--data', data, '--json', ...args], {
    env: { ...process.env, KARTEI_KEYCHAIN: 'off' },
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout);
}

/** Runs a program to its end; one that fails is an error. */
export const runProgram = (name, args) => run(program(name), args, { timeout: 30_000 });

/**
 * Opens a file or a link as a file manager or a browser does: the system finds the program for it by
 * what the installed package says of itself.
 */
export async function openBySystem(address, data, home) {
  const bin = process.env.KARTEI_INSTALLED;
  if (bin === undefined) throw new Error('run this through `cargo xtask test --only desktop`');
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    XDG_DATA_DIRS: `${join(bin, '..', 'share')}:/usr/share`,
    // Nobody's own choice of programs.
    HOME: home,
    XDG_DATA_HOME: join(home, 'share'),
    XDG_CONFIG_HOME: join(home, 'config'),
    KARTEI_DATA_DIR: data,
  };
  await run('gio', ['open', address], { env, timeout: 30_000 });
}

/**
 * A relay with one organisation and further options; `token(role, name)` makes tokens, `run` does what an
 * administrator types, `stop` and `startAgain` end it and have it go on at the same address.
 */
export async function startRelay(data, ...options) {
  const relay = program('kartei-relay');
  await run(relay, ['admin', 'org', 'create', 'Test', '--data', data]);
  const token = async (role, name) => {
    const create = ['admin', 'token', 'create', '--org', 'Test', '--role', role, '--name', name];
    return (await run(relay, [...create, '--data', data])).stdout.trim();
  };
  // The few bytes of a journey fill nobody's disk, however full it is.
  const room = ['--keep-free-percent', '0'];
  const serve = ['serve', '--listen', '127.0.0.1:0', '--data', data, ...room, ...options];
  const first = await startReady(relay, serve, 'kartei-relay listening on ');
  const url = first.rest;
  let { stop } = first;
  const startAgain = async () => {
    const same = serve.map((one) => (one === '127.0.0.1:0' ? new URL(url).host : one));
    ({ stop } = await startReady(relay, same, 'kartei-relay listening on '));
  };
  return {
    url,
    token,
    run: (...args) => run(relay, [...args, '--data', data]),
    stop: () => stop(),
    startAgain,
  };
}
