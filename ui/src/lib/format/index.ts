import { locale } from '$lib/i18n.svelte';

type Numbers = Intl.NumberFormatOptions;
type Dates = Intl.DateTimeFormatOptions;

// Intl formatters cost about 50 µs to make and 1 µs to use; tables use them per cell.
const numbers = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

function numberFormat(options: Numbers): Intl.NumberFormat {
  const key = locale.tag + JSON.stringify(options);
  let format = numbers.get(key);
  if (format === undefined) numbers.set(key, (format = new Intl.NumberFormat(locale.tag, options)));
  return format;
}

function dateFormat(options: Dates): Intl.DateTimeFormat {
  const key = locale.tag + JSON.stringify(options);
  let format = dates.get(key);
  if (format === undefined) dates.set(key, (format = new Intl.DateTimeFormat(locale.tag, options)));
  return format;
}

/** `26,370` or `26.370`: whole numbers, grouped. */
export function formatCount(value: number): string {
  return numberFormat({ maximumFractionDigits: 0 }).format(value);
}

/** `39 %`, of a share between 0 and 1 that is on its way: never more than it is. */
export function formatProgress(share: number): string {
  return numberFormat({ style: 'percent', maximumFractionDigits: 0 }).format(
    Math.floor(share * 100) / 100,
  );
}

/** `7.6 %`, of a share between 0 and 1; `< 0.1 %` rather than a nought for a few of many. */
export function formatShare(share: number): string {
  const isWhole = share === 0 || share === 1;
  const format = numberFormat({
    style: 'percent',
    minimumFractionDigits: isWhole ? 0 : 1,
    maximumFractionDigits: 1,
  });
  // Neither is all of them nor none of them said of a share that is nearly so.
  if (share > 0 && share < 0.0005) return `< ${format.format(0.001)}`;
  if (share < 1 && share > 0.9995) return `> ${format.format(0.999)}`;
  return format.format(share);
}

/** A value with four digits that tell: `32.47`, `1,284`, `0.003712`. */
export function formatRough(value: number): string {
  return numberFormat({ maximumSignificantDigits: 4 }).format(value);
}

/** A measured value with all the digits it was given, and at least so many decimals. */
export function formatNumber(value: number, decimals = 0): string {
  return numberFormat({ minimumFractionDigits: decimals, maximumFractionDigits: 15 }).format(value);
}

/** A number with just so many decimals. */
export function formatRounded(value: number, decimals: number): string {
  return formatNumber(Number(value.toFixed(decimals)), decimals);
}

/** A unit of sizes and how many decimals it is shown with; decimal, as in file managers. */
interface SizeUnit {
  unit: 'kilobyte' | 'megabyte' | 'gigabyte';
  bytes: number;
  decimals: number;
}

function sizeUnit(bytes: number): SizeUnit {
  if (bytes < 1_000_000) return { unit: 'kilobyte', bytes: 1_000, decimals: 0 };
  if (bytes < 1_000_000_000) return { unit: 'megabyte', bytes: 1_000_000, decimals: 1 };
  return { unit: 'gigabyte', bytes: 1_000_000_000, decimals: 2 };
}

/** `41 kB`, `60.0 MB`, `2.42 GB`. A part of a kilobyte counts as one. */
export function formatSize(size: number): string {
  const { unit, bytes, decimals } = sizeUnit(size);
  const value = unit === 'kilobyte' ? Math.ceil(size / bytes) : size / bytes;
  return numberFormat({
    style: 'unit',
    unit,
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(value);
}

/** A part of a size as a number of the whole's unit, for "23.1 of 60.0 MB". */
export function formatPart(part: number, whole: number): string {
  const { bytes, decimals } = sizeUnit(whole);
  return numberFormat({
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(part / bytes);
}

/** How long something took: `7 ms`, `3.2 sec`, `48 sec`. Never "0 sec". */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) {
    const unit = numberFormat({ style: 'unit', unit: 'millisecond', maximumFractionDigits: 0 });
    return unit.format(Math.max(1, seconds * 1000));
  }
  return numberFormat({
    style: 'unit',
    unit: 'second',
    maximumFractionDigits: seconds < 10 ? 1 : 0,
  }).format(seconds);
}

/** A span as a person would say it: `8 s`, `3 min`, `2 h`. */
export function formatSpan(seconds: number): string {
  const [value, unit] =
    seconds < 90
      ? [Math.max(1, Math.round(seconds)), 'second']
      : seconds < 5400
        ? [Math.round(seconds / 60), 'minute']
        : [Math.round(seconds / 3600), 'hour'];
  return numberFormat({ style: 'unit', unit, unitDisplay: 'short' }).format(value);
}

function valid(instant: string): Date | null {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** `20.11.2026, 14:03`: all digits at fixed width, so that a column of them lines up. */
export function formatMoment(instant: string): string {
  const date = valid(instant);
  if (date === null) return instant;
  return dateFormat({
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(date);
}

/** The same to the second with the zone, for tooltips and details. */
export function formatExactMoment(instant: string): string {
  const date = valid(instant);
  if (date === null) return instant;
  return dateFormat({ dateStyle: 'long', timeStyle: 'long' }).format(date);
}

/** `14:03:07`: the time of the day alone, where the day is known. */
export function formatTime(instant: string): string {
  const date = valid(instant);
  if (date === null) return instant;
  return dateFormat({
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(date);
}

export function formatDay(instant: string): string {
  const date = valid(instant);
  if (date === null) return instant;
  return dateFormat({ dateStyle: 'medium' }).format(date);
}

/** `14:03`, or with the day in front where that is not today. */
export function formatClock(instant: string, now: number): string {
  const date = valid(instant);
  if (date === null) return instant;
  const today = new Date(now).toDateString() === date.toDateString();
  return today
    ? dateFormat({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(date)
    : formatMoment(instant);
}

/** `12 seconds ago`, `vor 12 Sekunden`, short. Under five seconds: now. */
export function formatAgo(instant: string, now: number): string {
  const date = valid(instant);
  if (date === null) return instant;
  const seconds = Math.max(0, Math.round((now - date.getTime()) / 1000));
  const relative = new Intl.RelativeTimeFormat(locale.tag, { numeric: 'auto', style: 'short' });
  if (seconds < 5) return relative.format(0, 'second');
  if (seconds < 90) return relative.format(-seconds, 'second');
  if (seconds < 5400) return relative.format(-Math.round(seconds / 60), 'minute');
  if (seconds < 129_600) return relative.format(-Math.round(seconds / 3600), 'hour');
  return relative.format(-Math.round(seconds / 86_400), 'day');
}

/** The last part of a path of either system. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}
