import { createSubscriber } from 'svelte/reactivity';

// One timer for all relative times on screen, running only while something shows one.
const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1000);
  return () => clearInterval(timer);
});

/** The time in milliseconds; what reads it in markup is rendered again each second. */
export function now(): number {
  subscribe();
  return Date.now();
}
