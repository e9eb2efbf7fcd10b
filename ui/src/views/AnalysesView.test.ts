import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Analyses } from '$features/analyses/analyses.svelte';
import NewAnalysis from '$features/analyses/NewAnalysis.svelte';
import { Calibrations } from '$features/behavior/calibrations.svelte';
import { Sync } from '$features/sync/sync.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem, fakeStatus } from '$lib/ipc/fake';
import { analysisAnswers, fakeAnalysis } from '$lib/ipc/fake-analyses';
import AnalysesView from './AnalysesView.svelte';
import AnalysisView from './AnalysisView.svelte';

let host: FakeHost;
let analyses: Analyses;
let sync: Sync;

beforeEach(() => {
  host = new FakeHost(analysisAnswers(new URLSearchParams(), () => host));
  analyses = new Analyses(new Ipc(host));
  sync = new Sync(new Ipc(host));
  sync.take(fakeStatus({ relay: 'https://relay.example', role: 'analyst', state: 'up_to_date' }));
});
afterEach(cleanup);

function list(): void {
  const href = (id: string) => `#/analyses/${id}`;
  render(AnalysesView, { analyses, sync, href });
}

async function detail(id: string): Promise<string[]> {
  const went: string[] = [];
  analyses.show(id);
  const { open } = analyses;
  if (open === null) throw new Error('nothing is open');
  render(AnalysisView, {
    open,
    analyses,
    mayWrite: true,
    listHref: '#/analyses',
    href: (id: string) => `#/analyses/${id}`,
    profilesHref: (filter: string | null) => `#/profiles?filter=${filter ?? ''}`,
    profileHref: (id: string) => `#/profiles/${id}`,
    onSelect: () => {},
    onOpen: (id: string) => went.push(id),
  });
  await waitFor(() => expect(open.detail).not.toBeNull());
  return went;
}

test('each stage offers what can be done then', async () => {
  list();
  await screen.findByText('gender:female');
  const names = screen.getAllByRole('button').map((button) => button.getAttribute('aria-label'));
  for (const name of [
    'Cancel: Quality report, gender:female',
    'Cancel: Quality report, orders>=4',
    'Try again: Quality report, All profiles',
  ]) {
    expect(names).toContain(name);
  }
});

test('without the right to write only what is made here is offered', async () => {
  sync.take(fakeStatus({ relay: 'https://relay.example', role: 'viewer', state: 'up_to_date' }));
  list();
  await screen.findByText('gender:female');
  const buttons = screen.getAllByRole('button').map((button) => button.textContent?.trim());
  expect(buttons).toEqual(['New analysis']);
});

test('one that waits here keeps its place on the list when the relay has it', async () => {
  await analyses.load();
  analyses.gone('local-2', 'job-1');
  analyses.take(fakeAnalysis({ id: 'job-1', stage: 'queued', created_at: '2026-11-20T14:00:00Z' }));
  expect(analyses.all.map(({ id }) => id)).toEqual([
    'job-1',
    'job-9a11',
    'job-7d2f',
    'job-6b00',
    'job-5a00',
  ]);
});

test('who looks at one that waits here goes on with the one at the relay', async () => {
  await detail('local-2');
  analyses.gone('local-2', 'job-1');
  expect(analyses.open?.now).toBe('job-1');
});

test('what an event says is shown at once, and what it came to is asked for', async () => {
  await detail('job-9a11');
  await screen.findByRole('button', { name: 'Cancel' });
  await screen.findByRole('progressbar');
  const before = host.requests('get_analysis').length;
  analyses.take(fakeAnalysis({ id: 'job-9a11', filter: 'orders>=4' }));
  await screen.findByText('Done');
  expect(screen.queryByRole('progressbar')).toBeNull();
  await waitFor(() => expect(host.requests('get_analysis').length).toBe(before + 1));
});

test('a result says what stands out, and where it can be found again', async () => {
  await detail('result-51c0');
  await screen.findByText(/is missing in 223 of 2,800 profiles/);
  expect(screen.getAllByText('education', { selector: 'code' })).toHaveLength(2);
  await screen.findByText('kartei://result/result-51c0');
  await fireEvent.click(screen.getByRole('button', { name: 'Save as JSON' }));
  await screen.findByText(/result-51c0\.json/);
  expect(host.requests('save_result')).toEqual([{ id: 'result-51c0', to: null }]);
});

test('one that failed says why, and is tried again as another one', async () => {
  const went = await detail('job-6b00');
  await screen.findByText(/was lost before it was done/);
  await fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await waitFor(() => expect(went).toHaveLength(1));
  expect(host.requests('retry_analysis')).toEqual([{ id: 'job-6b00' }]);
});

test('a new one says how many profiles it is of, and is asked for with its filter', async () => {
  host.answer('list_profiles', ({ filter }) => {
    if (filter?.includes('>=') === false) throw fakeProblem('invalid_filter', 'no such field');
    return { rows: [], offset: 0, matching: 2_029, total: 23_570 };
  });
  const asked: string[] = [];
  analyses.asking = 'orders>=4';
  render(NewAnalysis, {
    analyses,
    calibrations: new Calibrations(new Ipc(host)),
    sync,
    onAsked: (id: string) => asked.push(id),
    onClose: () => {},
  });
  const verb = await screen.findByRole('button', { name: 'Analyse 2,029 profiles' });
  const field = screen.getByRole('textbox', { name: 'Of which profiles' });
  await fireEvent.input(field, { target: { value: 'nonsense' } });
  await screen.findByText('no such field');
  expect(screen.getByRole('button', { name: 'Analyse' })).toHaveProperty('disabled', true);
  await fireEvent.input(field, { target: { value: 'orders>=4' } });
  await waitFor(() => expect(verb).toHaveProperty('disabled', false));
  await fireEvent.click(verb);
  await waitFor(() => expect(asked).toHaveLength(1));
  expect(host.requests('ask_analysis')).toEqual([
    { analysis: 'quality', here: false, filter: 'orders>=4' },
  ]);
});

function ask(): void {
  const calibrations = new Calibrations(new Ipc(host));
  render(NewAnalysis, { analyses, calibrations, sync, onAsked: () => {}, onClose: () => {} });
}

test('a comparison is made here, with the other cohort', async () => {
  host.answer('list_profiles', () => ({ rows: [], offset: 0, matching: 1_881, total: 2_800 }));
  analyses.begin('gender:female', 'compare');
  ask();
  const other = await screen.findByRole('textbox', { name: 'Compared with' });
  await fireEvent.input(other, { target: { value: 'age<30' } });
  await fireEvent.click(screen.getByRole('radio', { name: 'here' }));
  await screen.findByText(/nobody else sees it/);
  await fireEvent.click(await screen.findByRole('button', { name: 'Analyse 1,881 profiles' }));
  await waitFor(() => expect(host.requests('ask_analysis')).toHaveLength(1));
  expect(host.requests('ask_analysis')).toEqual([
    { analysis: 'compare', filter: 'gender:female', params: { other: 'age<30' }, here: true },
  ]);
});

test('one of a file is made at the relay, and counts no profiles here', async () => {
  analyses.beginWith({ id: 'f3k8', name: 'october.ndjson.gz' });
  ask();
  await screen.findByText(/the records of the file “october.ndjson.gz”/);
  expect(screen.queryByRole('radio', { name: 'here' })).toBeNull();
  const field = screen.getByRole('textbox', { name: 'Of which records' });
  await fireEvent.input(field, { target: { value: 'age<30' } });
  await fireEvent.click(screen.getByRole('button', { name: 'Analyse' }));
  await waitFor(() => expect(host.requests('ask_analysis')).toHaveLength(1));
  expect(host.requests('ask_analysis')).toEqual([
    { analysis: 'quality', filter: 'age<30', params: { dataset: 'f3k8' }, here: false },
  ]);
  expect(host.requests('list_profiles')).toEqual([]);
});

test('what is made of scores needs an active calibration', async () => {
  host.answer('list_profiles', () => ({ rows: [], offset: 0, matching: 5, total: 5 }));
  host.answer('list_calibrations', () => ({
    schemas: [],
    calibrations: [],
    acts: [],
    running: null,
  }));
  analyses.begin('', 'segments');
  ask();
  await screen.findByText(/no calibration is active/);
  const verb = await screen.findByRole('button', { name: 'Analyse 5 profiles' });
  expect(verb).toHaveProperty('disabled', true);
  await fireEvent.change(screen.getByRole('combobox', { name: 'Analysis' }), {
    target: { value: 'quality' },
  });
  await waitFor(() => expect(verb).toHaveProperty('disabled', false));
});
