import { performance } from 'node:perf_hooks';

/** Does something `count` times, eight at once. */
export async function many(count, once) {
  let next = 0;
  const one = async () => {
    while (next < count) {
      next += 1;
      await once();
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
}

export function rate(name, count, began) {
  console.log(`${name} ${Math.round(count / ((performance.now() - began) / 1000))}`);
}

export function quantiles(name, waits) {
  waits.sort((one, other) => one - other);
  const at = (share) => waits[Math.floor((waits.length - 1) * share)].toFixed(2);
  console.log(`${name}_p50_ms ${at(0.5)}`);
  console.log(`${name}_p95_ms ${at(0.95)}`);
  console.log(`${name}_p99_ms ${at(0.99)}`);
}
