import { fireEvent, render, screen } from '@testing-library/svelte';
import { beforeEach, expect, test, vi } from 'vitest';
import { Commands } from '$lib/commands';
import { locale } from '$lib/i18n.svelte';
import PaletteView from './Palette.svelte';
import { noteRecent, RECENT_MAX, recentCommands } from './recent';

let commands: Commands;
const goImports = vi.fn();
const undo = vi.fn();
const openProfile = vi.fn();
const onClose = vi.fn();

beforeEach(() => {
  // happy-dom opens dialogs without telling; the browser journey sees the real ones.
  commands = new Commands();
  commands.bind({
    'go.imports': goImports,
    'go.sync': () => {},
    'steps.undo': undo,
    'profile.delete': { run: () => {}, when: () => false },
  });
  vi.clearAllMocks();
});

const field = () => screen.getByRole('combobox');
const options = () => screen.getAllByRole('option').map((option) => option.textContent!.trim());
const current = () =>
  screen.getAllByRole('option').find((one) => one.getAttribute('aria-selected') === 'true');
const type = (words: string) => fireEvent.input(field(), { target: { value: words } });
const press = (key: string) => fireEvent.keyDown(field(), { key });

test('it lists what applies, in groups, and nothing else', () => {
  render(PaletteView, { commands, onClose });
  expect(screen.getByRole('group', { name: 'Go to' })).toBeTruthy();
  expect(options()).toHaveLength(3);
  expect(screen.queryByText('Delete profile')).toBeNull();
});

test('some letters find a command; Enter runs it, closes, and remembers it', async () => {
  render(PaletteView, { commands, onClose });
  await type('imp');
  const first = screen.getAllByRole('option')[0]!;
  expect(first.textContent).toContain('Imports');
  expect([...first.querySelectorAll('mark')].map((mark) => mark.textContent)).toEqual(['Imp']);
  expect(field().getAttribute('aria-activedescendant')).toBe(first.id);
  await press('Enter');
  await expect.poll(() => goImports.mock.calls.length).toBe(1);
  expect(recentCommands()).toEqual(['go.imports']);
});

test('the arrows go round', async () => {
  render(PaletteView, { commands, onClose });
  const before = current()!.id;
  await press('ArrowUp');
  expect(current()!.textContent).toContain('Undo');
  await press('ArrowDown');
  expect(current()!.id).toBe(before);
});

test('what others find comes with the words, and an answer that is late is dropped', async () => {
  vi.useFakeTimers();
  const asked: string[] = [];
  const answers: ((late: boolean) => void)[] = [];
  commands.find({
    key: 'profiles',
    label: () => 'Profiles',
    find: (words) => {
      asked.push(words);
      return new Promise((resolve) =>
        answers.push(() => resolve([{ key: words, name: `Anna ${words}`, run: openProfile }])),
      );
    },
  });
  render(PaletteView, { commands, onClose });
  await type('kel');
  await vi.advanceTimersByTimeAsync(200);
  await type('keller');
  await vi.advanceTimersByTimeAsync(200);
  expect(asked).toEqual(['', 'kel', 'keller']);
  answers[2]!(false);
  answers[1]!(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(screen.getByRole('group', { name: 'Profiles' }).textContent).toContain('Anna keller');
  vi.useRealTimers();
  await press('Enter');
  await expect.poll(() => openProfile.mock.calls.length).toBe(1);
});

test('a source that fails finds nothing and stops nothing', async () => {
  commands.find({ key: 'x', label: () => 'X', find: () => Promise.reject(new Error('gone')) });
  render(PaletteView, { commands, onClose });
  await type('undo');
  expect(options()[0]).toContain('Undo');
});

test('nothing that fits is said', async () => {
  render(PaletteView, { commands, onClose });
  await type('zzzz');
  expect(screen.queryAllByRole('option')).toEqual([]);
  expect(screen.getByText('Nothing fits. Try fewer letters.')).toBeTruthy();
});

test('in German the same letters find the German names', async () => {
  locale.choose('de');
  render(PaletteView, { commands, onClose });
  await type('rück');
  expect(options()[0]).toContain('Rückgängig');
});

test('few are remembered, the newest first, each once', () => {
  for (const id of ['go.sync', 'go.imports', 'steps.undo', 'go.sync'] as const) noteRecent(id);
  expect(recentCommands()).toEqual(['go.sync', 'steps.undo', 'go.imports']);
  for (const id of ['go.log', 'go.about', 'go.data'] as const) noteRecent(id);
  expect(recentCommands()).toHaveLength(RECENT_MAX);
  localStorage.setItem('kartei.recent-commands', 'gone.command go.log');
  expect(recentCommands(), 'another version had other commands').toEqual(['go.log']);
});
