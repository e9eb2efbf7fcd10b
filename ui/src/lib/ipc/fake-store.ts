import {
  fakeAct,
  fakeDone,
  fakeEntry,
  fakeErasure,
  fakeProblem,
  fakeStatus,
  type Answers,
  type FakeHost,
} from './fake';
import type { FakeRows } from './fake-rows';
import type { DeletedProfile, ExportRun, ImportReport, RejectedProfile } from './generated';

const DOWNLOADS = '/anna/Downloads';

/** The store's side of a host for looking at: steps, history, watched folders, exports, upkeep. */
export function storeAnswers(rows: FakeRows, host: () => FakeHost): Answers {
  const acts = [
    fakeAct({ act: 9, kind: 'bulk', id: null, profiles: 1_204, fields: ['/tags/spring'] }),
    fakeAct({ act: 8, kind: 'restore', id: 'cdnow-00007', fields: ['/notes', '/tags'] }),
    fakeAct({ act: 7, reverted_by: 8 }),
    fakeAct({ act: 6, kind: 'import', id: null, profiles: 26_370, fields: [], by: null }),
  ];
  const refused = ['cdnow-00003', 'cdnow-00012', 'cdnow-00040'].map((id) => ({
    id,
    reason: 'tags: at most 64 of them',
    code: 'not_allowed',
  }));
  const entries = [
    fakeEntry({ import: 4, file: 'cdnow-2026-11.ndjson.gz' }),
    fakeEntry({ import: 3, file: 'crm.ndjson', source: 'watch', by: null, state: 'failed' }),
    fakeEntry({ import: 2, file: 'old.ndjson', undone_at: '2026-11-20T14:00:00Z' }),
    fakeEntry({ import: 1, file: 'bfi.ndjson.zst', state: 'cancelled' }),
  ];
  const folders = [
    { id: 1, path: '/srv/shop/outbox', imported: 12, failed: 1, waiting: 2, problem: null },
    {
      id: 2,
      path: '/mnt/crm',
      imported: 0,
      failed: 0,
      waiting: 0,
      problem: fakeProblem('file_missing', '`/mnt/crm` does not exist'),
    },
  ];
  const run: ExportRun = {
    run: 1,
    state: 'running',
    format: 'ndjson_gz',
    path: `${DOWNLOADS}/profiles.ndjson.gz`,
    profiles: 0,
    profiles_total: rows.count,
    bytes: null,
    failure: null,
  };
  const gone: DeletedProfile[] = Array.from({ length: 12 }, (_, n) => ({
    id: `cdnow-${String(20_000 + n * 37).padStart(5, '0')}`,
    display_name: rows.row(n).display_name ?? null,
    deleted_at: new Date(Date.UTC(2026, 10, 20, 13, 3) - n * 7_000_000).toISOString(),
    pending: n < 2,
  }));
  let aside: RejectedProfile[] = [
    {
      id: 'cdnow-00012',
      display_name: 'Anna Keller',
      problem: fakeProblem('too_large', 'notes of `cdnow-00012` are larger than 65,536 characters'),
      at: '2026-11-20T13:03:00Z',
      deleted: false,
    },
    {
      id: 'cdnow-00109',
      display_name: null,
      problem: fakeProblem('invalid_record', '`/attributes` has more than 256 keys'),
      at: '2026-11-20T12:41:00Z',
      deleted: true,
    },
  ];
  return {
    list_acts: () => ({ undo: acts[0]!, redo: null, entries: acts }),
    bulk_edit: () => fakeDone({ act: acts[0]!, changed: 1_201, refused: 3, obstacles: refused }),
    delete_profiles: ({ selection }) => {
      const ids = selection.ids ?? [];
      const id = ids.length === 1 ? ids[0]! : null;
      return fakeDone({
        act: fakeAct({ act: 10, kind: 'delete', id, fields: [''] }),
        changed: ids.length || 3,
      });
    },
    erase_profile: () => fakeErasure(),
    list_deleted: () => ({ rows: gone, total: gone.length }),
    list_rejected: () => ({ rows: aside, total: aside.length }),
    send_again: ({ id }) => {
      aside = id == null ? [] : aside.filter((one) => one.id !== id);
      return fakeStatus({ rejected: aside.length });
    },
    undo: () => fakeDone({ changed: 1_204, act: acts[0]! }),
    redo: () => fakeDone({ changed: 1_204, act: acts[0]! }),
    list_imports: ({ before }) => ({ entries: before == null ? entries : [] }),
    import_report: () => rows.importRun('done').reports[0] as ImportReport,
    save_import_file: ({ file }) => ({ path: `${DOWNLOADS}/cdnow.${file}`, bytes: 40_960 }),
    imported_now: () => ({ unchanged: 1_198, edited: 3, imported: 0 }),
    delete_imported: () => fakeDone({ act: acts[0]!, changed: 1_198 }),
    undo_import: () => fakeDone({ act: null, refused: 3, obstacles: refused }),
    list_watched: () => ({ folders }),
    add_watched: ({ path }) => Promise.reject(fakeProblem('not_a_file', `\`${path}\` is a file`)),
    remove_watched: ({ id }) => ({ folders: folders.filter((one) => one.id !== id) }),
    export_profiles: () => {
      const part = { ...run, profiles: Math.floor(rows.count * 0.4) };
      setTimeout(() => host().emit({ kind: 'export', run: part }), 100);
      return run;
    },
    cancel_export: () => ({ ...run, state: 'cancelled' }),
    get_export: () => run,
    profile_at: ({ id, change }) => ({
      id,
      change,
      record: { ...rows.detail(id).record, notes: 'Called on Monday.' },
    }),
    restore_profile: ({ id }) => rows.detail(id),
    store_info: () => ({
      profiles: rows.count,
      bytes: 2_418_000_000,
      free_bytes: 312_000_000,
      imports: 4,
    }),
    check_store: ({ repair }) => ({
      profiles: rows.count,
      findings: [
        { code: 'hash', message: 'the hash of `a` is wrong', count: 2, repaired: repair === true },
      ],
    }),
    backup_store: () => Promise.reject(fakeProblem('disk_full', 'no space left on the device')),
    compact_store: () => ({ before: 2_418_000_000, after: 2_106_000_000 }),
  };
}
