// How a program here ends: with one JSON line, by its deadline at the latest.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** Clock ticks a second in /proc, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Seconds after the deadline that a program may take to report. One whose event loop does not even
 * turn in that time is ended from another thread.
 */
const GRACE_SECONDS = 60;

const hundredths = (number) => Math.round(number * 100) / 100;

/** Measures from now on. */
export function meter() {
  const start = performance.now();
  const cpuStart = cpuSeconds();
  return {
    seconds: () => hundredths((performance.now() - start) / 1000),
    cpuSeconds: () => hundredths(cpuSeconds() - cpuStart),
  };
}

/** The largest resident set so far, in MiB. */
export const rssMb = () => Math.round(process.resourceUsage().maxRSS / 1024);

/** CPU of this process and of the children it has waited for; without /proc, without these. */
function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 + childrenCpuSeconds();
}

function childrenCpuSeconds() {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The name of the program is in parentheses and may hold spaces; the times follow it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/**
 * A deadline in `seconds`, for something that counts up to `of`. `reached` is a promise that it
 * answers at the deadline; `count(n)` says how far it is, which is what gets reported as `what`
 * where the event loop hangs for longer than the grace.
 */
export function deadlineIn(seconds, what, of) {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const watch = new Worker(
    `const { workerData: { shared, what, of, afterMs } } = require('node:worker_threads');
     setTimeout(() => {
       const found = { [what]: shared[0], of, timed_out: true, hung: true };
       require('node:fs').writeSync(1, JSON.stringify(found) + '\\n');
       process.kill(process.pid, 'SIGKILL');
     }, afterMs);`,
    { eval: true, workerData: { shared, what, of, afterMs: (seconds + GRACE_SECONDS) * 1000 } },
  );
  watch.unref();
  const { promise, reach } = signal();
  const timer = setTimeout(() => {
    deadline.isOver = true;
    reach();
  }, seconds * 1000);
  const deadline = {
    isOver: false,
    reached: promise,
    count: (n) => void (shared[0] = n),
    clear: () => clearTimeout(timer),
  };
  return deadline;
}

/** A promise and what fulfils it. */
export function signal() {
  let reach;
  const promise = new Promise((resolve) => void (reach = resolve));
  return { promise, reach };
}

/** Prints the result and ends, whatever the libraries still have open. */
export function report(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

/** Runs a program; a fault ends it with status 1 and a JSON line that says so. */
export function run(program) {
  program().catch((error) => {
    console.error(error);
    process.stdout.write(`${JSON.stringify({ failed: String(error) })}\n`, () => process.exit(1));
  });
}

/**
 * Says that a server is ready, and ends it: on SIGTERM or SIGINT, when its standard input ends
 * where that is a pipe, and after its lifetime. `close` stores what is not stored yet.
 */
export function serve(server, lifetimeSeconds, close) {
  let isEnding = false;
  const end = async () => {
    if (isEnding) return;
    isEnding = true;
    const usage = { cpu_seconds: hundredths(cpuSeconds()), rss_mb: rssMb() };
    run(async () => {
      await close();
      report(usage);
    });
  };
  for (const name of ['SIGTERM', 'SIGINT']) process.on(name, end);
  setTimeout(end, lifetimeSeconds * 1000).unref();
  if (process.stdin.constructor.name === 'Socket') process.stdin.on('end', end).resume();
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: server.address().port }));
  });
}
