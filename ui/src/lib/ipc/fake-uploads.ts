import { fakeProblem, type Answers, type FakeHost } from './fake';
import type { RelayFile, Upload } from './generated';

export function fakeUpload(change: Partial<Upload> = {}): Upload {
  return {
    id: 1,
    name: 'sessions-2026-10.parquet',
    path: '/anna/sessions-2026-10.parquet',
    size: 4_200_000_000,
    stage: 'running',
    durable: 1_480_000_000,
    sent: 1_512_000_000,
    rate: 42_300_000,
    seconds_left: 64,
    streams: 3,
    request_bytes: 33_554_432,
    created_at: '2026-11-20T13:03:00Z',
    ...change,
  };
}

export function fakeFile(change: Partial<RelayFile> = {}): RelayFile {
  return {
    id: 'f3k9',
    name: 'codebook.pdf',
    size: 812_000,
    content_type: 'application/pdf',
    digest: '9f2c4e81d7a35b06c1e8f94720ab63d5e1f08c927b4d6a35f0c8e2719d4b6a83',
    created_at: '2026-11-20T13:03:00Z',
    by: 'anna@example.org',
    scan: 'not_scanned',
    profiles: [],
    ...change,
  };
}

/** Uploads and files for looking at: `?uploads=none`, `?uploads=old`. */
export function uploadAnswers(options: URLSearchParams, host: () => FakeHost): Answers {
  const said = options.get('uploads');
  const idle = { rate: null, seconds_left: null, streams: 0 };
  let uploads =
    said === null
      ? [
          fakeUpload({ id: 5 }),
          fakeUpload({
            id: 4,
            name: 'interviews.zip',
            size: 910_000_000,
            durable: 300_000_000,
            sent: 300_000_000,
            stage: 'waiting',
            ...idle,
            problem: fakeProblem('offline', 'the relay cannot be reached: connection refused'),
            retry_at: '2026-11-20T13:03:40Z',
          }),
          fakeUpload({
            id: 3,
            name: 'pilot.csv',
            size: 88_000_000,
            sent: 40_000_000,
            stage: 'paused',
            ...idle,
          }),
          fakeUpload({
            id: 2,
            name: 'notes.docx',
            size: 1_400_000,
            sent: 0,
            durable: 0,
            stage: 'changed',
            ...idle,
            problem: fakeProblem('file_changed', 'the file was changed since it was chosen'),
          }),
          fakeUpload({
            id: 1,
            name: 'codebook.pdf',
            size: 812_000,
            stage: 'done',
            ...idle,
            file: 'f3k9',
          }),
        ]
      : [];
  let files =
    said === null
      ? [
          fakeFile({ profiles: ['cdnow-00042', 'cdnow-00043'] }),
          fakeFile({
            id: 'f3k8',
            name: 'october.ndjson.gz',
            size: 1_240_000_000,
            by: 'ben@example.org',
          }),
          fakeFile({ id: 'f3k7', name: 'macro.xlsm', size: 61_000, scan: 'quarantined' }),
          fakeFile({ id: 'f3k6', name: 'visits.ndjson', size: 9_000, scan: 'pending' }),
          fakeFile({ id: 'f3k5', name: 'sealed.zip', size: 3e9, scan: 'not_scannable' }),
        ]
      : [];
  const change = (id: number, to: Partial<Upload>) => {
    uploads = uploads.map((upload) => (upload.id === id ? { ...upload, ...to } : upload));
    const changed = uploads.find((upload) => upload.id === id);
    if (changed === undefined) throw fakeProblem('not_found', 'there is no such upload');
    return changed;
  };
  const without = ({ id }: { id: number }) => {
    uploads = uploads.filter((upload) => upload.id !== id);
    return { uploads };
  };
  return {
    list_uploads: () => ({ uploads }),
    add_uploads: ({ paths }) => {
      const added = paths.map((path, at) =>
        fakeUpload({ id: 10 + uploads.length + at, name: path.split('/').pop() ?? path, path }),
      );
      uploads = [...added, ...uploads];
      return { uploads };
    },
    pause_upload: ({ id }) => change(id, { stage: 'paused', ...idle }),
    resume_upload: ({ id }) => change(id, { stage: 'running' }),
    retry_upload: ({ id }) => change(id, { stage: 'waiting', ...idle }),
    cancel_upload: without,
    forget_upload: without,
    list_files: ({ filter }) => ({
      supported: said !== 'old',
      files: files.filter((file) => file.name.includes(filter ?? '')),
    }),
    rename_file: ({ id, name }) => {
      files = files.map((file) => (file.id === id ? { ...file, name } : file));
      return fakeFile({ ...files.find((file) => file.id === id), name });
    },
    delete_file: ({ id }) => {
      files = files.filter((file) => file.id !== id);
      return {};
    },
    attach_file: ({ id, profile }) => {
      const file = files.find((one) => one.id === id) ?? fakeFile({ id });
      return { ...file, profiles: [...file.profiles, profile] };
    },
    import_file_on_relay: () => ({ import: 'i1' }),
    download_file: ({ id }) => {
      const file = files.find((one) => one.id === id) ?? fakeFile({ id });
      const run = {
        run: 1,
        file: id,
        name: file.name,
        size: file.size,
        path: `/anna/${file.name}`,
      };
      setTimeout(
        () => host().emit({ kind: 'download', run: { ...run, stage: 'done', bytes: file.size } }),
        50,
      );
      return { ...run, stage: 'running', bytes: 0 };
    },
  };
}
