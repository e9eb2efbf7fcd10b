// graphile-worker with its local queue and batched completion: node graphile.mjs URL throughput|pickup JOBS
import { performance } from 'node:perf_hooks';
import { makeWorkerUtils, run } from 'graphile-worker';
import { many, quantiles, rate } from './lib.mjs';

const [url, mode, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const quiet = { error() {}, warn() {}, info() {}, debug() {} };
const { Logger } = await import('graphile-worker');
const logger = new Logger(() => (level, message) => quiet[level]?.(message));
const utils = await makeWorkerUtils({ connectionString: url, logger });
await utils.migrate();

const worker = (task, settings) =>
  run({
    noHandleSignals: true,
    logger,
    taskList: { bench: task },
    preset: { worker: { connectionString: url, maxPoolSize: 16, ...settings } },
  });

if (mode === 'throughput') {
  let began = performance.now();
  await many(count, () => utils.addJob('bench', {}));
  rate('submit_per_s', count, began);
  began = performance.now();
  let done = 0;
  let runner;
  const finished = new Promise((resolve) => {
    const task = async () => {
      done += 1;
      if (done >= count) resolve();
    };
    // Four workers' worth of what its documentation measures with.
    const settings = {
      concurrentJobs: 24,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
    };
    runner = worker(task, settings);
  });
  await finished;
  await (await runner).stop();
  rate('done_per_s', count, began);
} else {
  let claimed;
  const runner = await worker(
    async () => {
      claimed(performance.now());
    },
    { concurrentJobs: 1, pollInterval: 500 },
  );
  const waits = [];
  for (let number = 0; number < count; number += 1) {
    const taken = new Promise((resolve) => {
      claimed = resolve;
    });
    await utils.addJob('bench', {});
    const submitted = performance.now();
    waits.push(Math.max(0, (await taken) - submitted));
  }
  quantiles('pickup', waits);
  await runner.stop();
}
await utils.release();
process.exit(0);
