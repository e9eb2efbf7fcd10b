import type { Answers } from './fake';
import type { LogEntry, LogLevel } from './generated';

const LEVELS: LogLevel[] = ['info', 'warn', 'error'];

const SAID: Omit<LogEntry, 'at'>[] = [
  {
    level: 'info',
    place: 'kartei::store',
    message: 'Data folder opened',
    fields: { version: '0.1.0', sqlite: '3.51.0', store_format: 6, profiles: 26_370 },
  },
  {
    level: 'warn',
    place: 'kartei::sync',
    message: 'Sync state',
    fields: { state: 'Offline', code: 'Offline', pending: 17 },
  },
  {
    level: 'info',
    place: 'kartei::imports',
    message: 'Import ended',
    fields: { state: 'Done', lines: 200, created: 190, updated: 4, rejected: 6, seconds: 0.21 },
  },
  {
    level: 'error',
    place: 'kartei_app::sync::background',
    message: 'Failure could not be noted',
    fields: { code: 'DiskFull', problem: '…' },
  },
];

/** The program's side of a host for looking at: its log and a diagnostic bundle. */
export function programAnswers(): Answers {
  const entries = Array.from({ length: 40 }, (_, n): LogEntry => ({
    ...SAID[(40 - n) % SAID.length]!,
    at: new Date(Date.UTC(2026, 10, 20, 13, 3) - n * 411_000).toISOString(),
  }));
  return {
    read_log: ({ level = 'info', search = '' }) => {
      const fits = entries.filter(
        (entry) =>
          LEVELS.indexOf(entry.level) >= LEVELS.indexOf(level) &&
          JSON.stringify(entry).toLowerCase().includes(search.toLowerCase()),
      );
      return { entries: fits, matching: fits.length, total: entries.length };
    },
    prepare_diagnostics: ({ check, window }) => ({
      bundle: 1,
      files: [
        { name: 'README.txt', text: 'What this is: facts about an installation of Kartei.\n' },
        { name: 'program.json', text: JSON.stringify({ version: '0.1.0', window }, null, 2) },
        { name: 'check.json', text: JSON.stringify({ checked: check === true }, null, 2) },
        { name: 'log.ndjson', text: entries.map((one) => JSON.stringify(one)).join('\n') },
      ],
    }),
    save_diagnostics: () => ({
      path: '/anna/Downloads/kartei-diagnostics-2026-11-20.zip',
      bytes: 9_412,
    }),
  };
}
