import { fireEvent, render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import { programAnswers } from '$lib/ipc/fake-program';
import AppearanceSettings from './AppearanceSettings.svelte';
import { Bundle } from './diagnostics.svelte';
import DiagnosticsSettings from './DiagnosticsSettings.svelte';
import { Log } from './log.svelte';
import LogSettings from './LogSettings.svelte';

const root = document.documentElement;

test('language, theme and density show at once and are kept', async () => {
  render(AppearanceSettings);
  await fireEvent.click(screen.getByRole('radio', { name: 'Dark' }));
  expect(root.dataset['theme']).toBe('dark');
  await fireEvent.click(screen.getByRole('radio', { name: 'Compact' }));
  expect(root.style.getPropertyValue('--row')).toBe('24px');
  await fireEvent.click(screen.getByRole('radio', { name: 'Deutsch' }));
  expect(screen.getByRole('group', { name: 'Dichte' })).toBeTruthy();
  expect(root.lang).toBe('de');
  const kept = ['locale', 'theme', 'density'].map((key) => localStorage.getItem(`kartei.${key}`));
  expect(kept).toEqual(['de', 'dark', 'compact']);
  await fireEvent.click(screen.getByRole('radio', { name: 'Normal' }));
  await fireEvent.click(screen.getByRole('radio', { name: 'Wie das System' }));
});

test('the log is filtered by level and by words, on the host', async () => {
  const host = new FakeHost(programAnswers());
  const log = new Log(new Ipc(host));
  render(LogSettings, { log });
  await screen.findByText('40 of 40');
  await fireEvent.change(screen.getByRole('combobox', { name: 'Show' }), {
    target: { value: 'error' },
  });
  await screen.findByText('10 of 40');
  expect(screen.getAllByRole('img', { name: 'Error' })).toHaveLength(10);
  await fireEvent.input(screen.getByRole('searchbox'), { target: { value: 'nothing like it' } });
  await screen.findByText('No entry says this');
  expect(host.requests('read_log').at(-1)).toMatchObject({
    level: 'error',
    search: 'nothing like it',
  });
});

test('a bundle is shown whole before it can be saved', async () => {
  const host = new FakeHost(programAnswers());
  const bundle = new Bundle(new Ipc(host));
  render(DiagnosticsSettings, { bundle });
  expect(screen.queryByRole('button', { name: /^Save/ })).toBeNull();
  await fireEvent.click(screen.getByRole('button', { name: 'Prepare' }));
  await fireEvent.click(await screen.findByRole('tab', { name: 'program.json' }));
  expect(screen.getByRole('tabpanel').textContent).toContain('"density": "normal"');
  await fireEvent.click(screen.getByRole('button', { name: /^Save/ }));
  await screen.findByText('/anna/Downloads/kartei-diagnostics-2026-11-20.zip');
  expect(host.requests('save_diagnostics')).toEqual([{ bundle: 1 }]);
});

test('a bundle that cannot be made says why', async () => {
  const host = new FakeHost({
    prepare_diagnostics: () => Promise.reject(fakeProblem('store_damaged', 'page 7')),
  });
  render(DiagnosticsSettings, { bundle: new Bundle(new Ipc(host)) });
  await fireEvent.click(screen.getByRole('button', { name: 'Prepare' }));
  await screen.findByText('The data folder cannot be read.');
});
