// pg-boss, as its documentation uses it: node pgboss.mjs URL throughput|pickup JOBS
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { many, quantiles, rate } from './lib.mjs';

const [url, mode, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
// Woken by the database where it is timed how soon a job is picked up; its own default, looking each half second, else.
const useListenNotify = mode === 'pickup';
const settings = {
  connectionString: url,
  max: 16,
  supervise: false,
  schedule: false,
};
const boss = new PgBoss({ ...settings, useListenNotify });
boss.on('error', (error) => {
  throw error;
});
await boss.start();
const queue = useListenNotify ? 'woken' : 'bench';
await boss.createQueue(queue, { notify: useListenNotify });

if (mode === 'throughput') {
  let began = performance.now();
  await many(count, () => boss.send('bench', {}));
  rate('submit_per_s', count, began);
  began = performance.now();
  let done = 0;
  await new Promise((resolve, reject) => {
    const work = async (jobs) => {
      done += jobs.length;
      if (done >= count) resolve();
    };
    // Ten fetchers of fifty each: the fastest of what was tried.
    const options = { batchSize: 50, pollingIntervalSeconds: 0.5 };
    Promise.all(Array.from({ length: 10 }, () => boss.work('bench', options, work))).catch(reject);
  });
  // Until the last batch is complete as well.
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const open = "SELECT 1 FROM pgboss.job WHERE name = 'bench' AND state < 'completed' LIMIT 1";
  while ((await client.query(open)).rowCount > 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
  rate('done_per_s', count, began);
  await client.end();
} else {
  let claimed;
  await boss.work(queue, { batchSize: 1, pollingIntervalSeconds: 0.5 }, async () => {
    claimed(performance.now());
  });
  const waits = [];
  for (let number = 0; number < count; number += 1) {
    const taken = new Promise((resolve) => {
      claimed = resolve;
    });
    await boss.send(queue, {});
    const submitted = performance.now();
    waits.push(Math.max(0, (await taken) - submitted));
  }
  quantiles('pickup', waits);
}
await boss.stop({ graceful: false });
process.exit(0);
