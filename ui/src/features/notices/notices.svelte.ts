import { noticeOf } from '$features/notifications/words';
import { fileName, formatCount } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import type {
  ExportRun,
  HostEvent,
  ImportRun,
  Ipc,
  Notification,
  ShowNotice,
  SyncStatus,
} from '$lib/ipc';

/** What took less was waited for, and needs no telling. */
const LONG_MS = 10_000;

const STORED_AS = 'kartei.notices';

/** The host cuts nothing off, it refuses; a file's name can be longer. */
const LINE_CHARS_MAX = 200;

type Words = Omit<ShowNotice, 'kind'>;

/**
 * Decides what is worth a native note. The host shows it only while the window does not have the
 * focus. Notes name counts and files, never what a record holds.
 */
export class Notices {
  #on = $state(localStorage.getItem(STORED_AS) !== 'off');

  readonly #ipc: Ipc;
  readonly #now: () => number;
  readonly #exports = new Map<number, number>();
  #status: SyncStatus | null = null;
  #firstSyncSince: number | null = null;

  constructor(ipc: Ipc, now: () => number = () => performance.now()) {
    this.#ipc = ipc;
    this.#now = now;
  }

  get on(): boolean {
    return this.#on;
  }

  choose(on: boolean): void {
    this.#on = on;
    localStorage.setItem(STORED_AS, on ? 'on' : 'off');
  }

  take(event: HostEvent): void {
    if (event.kind === 'import') this.#import(event.run);
    else if (event.kind === 'export') this.#export(event.run);
    else if (event.kind === 'sync') this.#sync(event.status);
    else if (event.kind === 'notified') this.#notified(event.fresh);
  }

  #import(run: ImportRun): void {
    if (run.dry_run || (run.state !== 'done' && run.state !== 'failed')) return;
    const seconds = run.reports.reduce((sum, report) => sum + report.seconds, 0);
    if (seconds * 1000 >= LONG_MS) this.#show('import', importWords(run));
  }

  #export(run: ExportRun): void {
    if (run.state === 'running') {
      if (!this.#exports.has(run.run)) this.#exports.set(run.run, this.#now());
      return;
    }
    const since = this.#exports.get(run.run);
    this.#exports.delete(run.run);
    if (run.state === 'cancelled' || since === undefined || this.#now() - since < LONG_MS) return;
    const title = run.state === 'done' ? m.notice_export_done() : m.notice_export_failed();
    this.#show('export', { title, text: fileName(run.path) });
  }

  #notified(fresh: Notification[]): void {
    // The newest takes the place of those before it, so more than one is told as their number.
    const words = fresh.filter((note) => !note.read).flatMap((note) => noticeOf(note) ?? []);
    const [only] = words;
    if (only === undefined) return;
    const count = words.length;
    const several = m.notifications_unread({ count, n: formatCount(count) });
    this.#show('analysis', count === 1 ? only : { title: m.notifications(), text: several });
  }

  #sync(status: SyncStatus): void {
    const before = this.#status;
    this.#status = status;
    if (before !== null && status.conflicts > before.conflicts) {
      const count = status.conflicts;
      const title = m.notice_conflicts({ count, n: formatCount(count) });
      this.#show('conflicts', { title, text: m.notice_conflicts_text() });
    }
    if (status.synced_at == null) {
      this.#firstSyncSince =
        status.state === 'syncing' ? (this.#firstSyncSince ?? this.#now()) : null;
      return;
    }
    const since = this.#firstSyncSince;
    this.#firstSyncSince = null;
    if (since === null || this.#now() - since < LONG_MS) return;
    const count = status.profiles;
    this.#show('sync', {
      title: m.notice_synced(),
      text: m.notice_synced_text({ count, n: formatCount(count) }),
    });
  }

  #show(kind: ShowNotice['kind'], { title, text }: Words): void {
    if (!this.#on) return;
    // A note that could not be shown is not worth a problem: what it tells stands in the window.
    this.#ipc.call('show_notice', { kind, title, text: cut(text) }).catch(() => undefined);
  }
}

const cut = (text: string): string =>
  [...text].length > LINE_CHARS_MAX ? `${[...text].slice(0, LINE_CHARS_MAX - 1).join('')}…` : text;

function importWords(run: ImportRun): Words {
  const title = run.state === 'done' ? m.notice_import_done() : m.notice_import_failed();
  const [only] = run.files;
  if (run.files.length !== 1 || only === undefined) {
    return { title, text: m.notice_files({ n: formatCount(run.files.length) }) };
  }
  const file = fileName(only);
  const counts = run.reports[0]?.counts;
  if (run.state === 'failed' || counts === undefined) return { title, text: file };
  const count = counts.created + counts.updated;
  const rejected = counts.rejected;
  return {
    title,
    text:
      rejected > 0
        ? m.notice_import_rejected({ file, n: formatCount(count), rejected: formatCount(rejected) })
        : m.notice_import_text({ file, n: formatCount(count) }),
  };
}
