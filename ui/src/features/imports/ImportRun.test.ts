import { fireEvent, render, screen, within } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc, type ImportReport } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeRun } from '$lib/ipc/fake';
import { Imports } from './imports.svelte';
import ImportRun from './ImportRun.svelte';
import { Past } from './past.svelte';

const REPORT: ImportReport = {
  file: '/data/cdnow.ndjson',
  has_files: false,
  counts: {
    lines: 200_000,
    created: 199_000,
    updated: 874,
    unchanged: 0,
    rejected: 126,
    duplicates: 0,
    blank: 0,
    warned: 0,
    conflicts: 2,
  },
  seconds: 4,
  kinds: [
    {
      rule: 'format',
      place: '/observations/*/at',
      warning: false,
      count: 126,
      first_line: 1_204,
      example: 'not a date-time',
      mend: 'Write a date.',
      examples: [{ line: 1_204 }],
    },
  ],
  problems: [
    {
      line: 1_204,
      id: 'cdnow-01204',
      pointer: '/observations/3/at',
      rule: 'format',
      reason: 'not a date-time',
      mend: 'Write a date.',
      warning: false,
    },
    {
      line: 1_300,
      pointer: '',
      rule: 'syntax',
      reason: 'expected `,`',
      mend: 'Write JSON.',
      warning: false,
    },
  ],
};

const imports = (host = new FakeHost()) => new Imports(new Ipc(host));

test('a report counts lines by outcome and leaves zeroes out', () => {
  render(ImportRun, { run: fakeRun({ state: 'done', reports: [REPORT] }), imports: imports() });
  const report = screen.getByRole('region', { name: 'Report on cdnow.ndjson' });
  expect(report.textContent).toContain('199,874 profiles imported, 126 rejected');
  expect(report.textContent).toContain('50,000 lines/s');
  const terms = within(report)
    .getAllByRole('term')
    .map((term) => term.textContent);
  expect(terms).toEqual(['new', 'updated', 'rejected', 'in conflict with edits']);
});

test('problems are listed by kind and by line', () => {
  render(ImportRun, { run: fakeRun({ state: 'done', reports: [REPORT] }), imports: imports() });
  const kinds = screen.getByRole('table', { name: 'Problems by kind' });
  expect(within(kinds).getAllByRole('row')[1]!.textContent).toMatch(/126.*format.*1,204/s);
  const problems = within(screen.getByRole('table', { name: 'First problems, by line' }));
  const [, first, second] = problems.getAllByRole('row');
  expect(first!.textContent).toMatch(
    /1,204.*format.*\/observations\/3\/at.*cdnow-01204.*not a date/s,
  );
  expect(second!.textContent).toMatch(/1,300.*syntax.*whole line.*–.*expected/s);
});

test('a file that could not be read to its end says why', () => {
  const failure = fakeProblem('damaged_archive', 'ends at byte 4096');
  const run = fakeRun({ state: 'failed', reports: [{ ...REPORT, failure }] });
  render(ImportRun, { run, imports: imports() });
  expect(screen.getByRole('alert').textContent).toContain('damaged or ends early');
});

test('a running import shows how far it is and can be cancelled', async () => {
  const host = new FakeHost({ cancel_import: () => fakeRun({ state: 'cancelled' }) });
  const run = fakeRun({
    lines: 124_000,
    bytes: 30_000_000,
    lines_per_second: 61_240,
    seconds_left: 8.2,
  });
  render(ImportRun, { run, imports: imports(host) });
  expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('50');
  const words = screen.getByRole('article').textContent;
  for (const part of ['124,000 lines', '30.0 of 60.0 MB', '61,240 lines/s', '8 sec left']) {
    expect(words).toContain(part);
  }
  await fireEvent.click(screen.getByRole('button', { name: 'Cancel import' }));
  expect(host.requests('cancel_import')).toEqual([{ run: 1 }]);
});

test('a check says that nothing was written and offers the import', async () => {
  const host = new FakeHost({ import_files: () => fakeRun({ run: 2, state: 'queued' }) });
  const imports = new Imports(new Ipc(host));
  const run = fakeRun({ state: 'done', dry_run: true, reports: [REPORT] });
  render(ImportRun, { run, imports });
  expect(screen.getByRole('article', { name: 'Check of cdnow.ndjson.gz' })).toBeTruthy();
  expect(screen.getByText('Checked; nothing was written')).toBeTruthy();
  expect(screen.getByText('199,874 profiles would be imported, 126 rejected')).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Import now' }));
  expect(host.requests('import_files')).toEqual([{ paths: run.files }]);
});

test('the files about an import are offered where there are any, and the path is told', async () => {
  const host = new FakeHost({
    save_import_file: () => ({ path: '/downloads/rejected.ndjson', bytes: 512 }),
  });
  const ipc = new Ipc(host);
  const past = new Past(ipc);
  const report = { ...REPORT, import: 7, has_files: true };
  const run = fakeRun({ state: 'done', reports: [report] });
  render(ImportRun, { run, imports: new Imports(ipc), past });
  await fireEvent.click(screen.getByRole('button', { name: 'Save rejected lines' }));
  await screen.findByText('/downloads/rejected.ndjson');
  expect(host.requests('save_import_file')).toEqual([{ import: 7, file: 'rejected' }]);
});
