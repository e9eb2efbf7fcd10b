import { locale } from '$lib/i18n.svelte';

const DAY_SECS = 86_400;

/** A moment below a time axis: as much of it as tells it from its neighbours. */
export function formatTick(seconds: number, span: number): string {
  const options: Intl.DateTimeFormatOptions =
    span < 2 * DAY_SECS
      ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
      : span < 300 * DAY_SECS
        ? { day: 'numeric', month: 'short' }
        : { month: 'short', year: 'numeric' };
  return new Intl.DateTimeFormat(locale.tag, options).format(seconds * 1_000);
}
