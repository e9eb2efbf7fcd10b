import { formatCount, formatPart, formatSeconds, formatSize } from '$lib/format';
import type { Meaning } from '$lib/components/Shape.svelte';
import { m } from '$lib/i18n.svelte';
import type { ScanState, Upload, UploadStage } from '$lib/ipc';

/** Each stage with its shape and its word. */
export const STAGES: Record<UploadStage, { meaning: Meaning; text: () => string }> = {
  waiting: { meaning: 'none', text: m.upload_waiting },
  running: { meaning: 'pending', text: m.upload_running },
  completing: { meaning: 'pending', text: m.upload_completing },
  paused: { meaning: 'none', text: m.upload_paused },
  done: { meaning: 'done', text: m.upload_done },
  failed: { meaning: 'rejected', text: m.upload_failed },
  changed: { meaning: 'conflict', text: m.upload_changed },
};

/** What a virus scanner said that somebody who wants to read the file has to know. */
export const SCANS: Partial<Record<ScanState, { meaning: Meaning; text: () => string }>> = {
  pending: { meaning: 'pending', text: m.file_scan_pending },
  quarantined: { meaning: 'rejected', text: m.file_quarantined },
  not_scannable: { meaning: 'none', text: m.file_not_scannable },
};

/** Share that is on its way or there, 0 to 1. */
export function shareSent({ sent, size, stage }: Upload): number {
  if (stage === 'done' || size === 0) return 1;
  return sent / size;
}

/** How far, how fast, how long. */
export function progressWords(upload: Upload): string[] {
  const { sent, size, rate, seconds_left, streams } = upload;
  if (upload.stage === 'done') return [formatSize(size)];
  const words = [m.upload_part({ part: formatPart(sent, size), whole: formatSize(size) })];
  if (upload.stage !== 'running') return words;
  if (rate != null) words.push(m.upload_rate({ rate: formatSize(rate) }));
  if (seconds_left != null) words.push(m.upload_left({ time: timeLeft(seconds_left) }));
  if (streams > 0) words.push(m.upload_streams({ count: streams, n: formatCount(streams) }));
  return words;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Coarser the longer it is: nobody plans by seconds of an hour. */
function timeLeft(seconds: number): string {
  if (seconds < MINUTE) return formatSeconds(Math.max(1, Math.ceil(seconds)));
  if (seconds < HOUR) return m.minutes({ n: formatCount(Math.ceil(seconds / MINUTE)) });
  const minutes = Math.ceil(seconds / MINUTE);
  return m.hours_minutes({
    h: formatCount(Math.floor(minutes / 60)),
    n: formatCount(minutes % 60),
  });
}

/** When it is tried again, seen from now. */
export function retryWords(at: string, now: number): string {
  const seconds = Math.ceil((Date.parse(at) - now) / 1000);
  return seconds > 0 ? m.upload_retry_in({ time: timeLeft(seconds) }) : m.upload_retry_soon();
}

const RECORDS = /\.(ndjson|jsonl)(\.(gz|zst))?$/i;

/** Above this a file is more likely to be meant for the relay than to be read here. */
const LARGE_BYTES = 1024 ** 3;

/** Whether files are plainly meant for an import; where not, a person is asked. */
export function areRecords(files: { name: string; size?: number | undefined }[]): boolean {
  return files.every(({ name, size }) => RECORDS.test(name) && (size ?? 0) <= LARGE_BYTES);
}
