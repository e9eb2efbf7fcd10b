import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Calibrations } from '$features/behavior/calibrations.svelte';
import NewCalibration from '$features/behavior/NewCalibration.svelte';
import SchemaDialog from '$features/behavior/SchemaDialog.svelte';
import CalibrationLine from '$features/behavior/CalibrationLine.svelte';
import Trait from '$features/behavior/Trait.svelte';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import {
  behaviorAnswers,
  fakeCalibration,
  fakeCalibrationDetail,
  fakeDraft,
  fakeSchema,
  fakeSignal,
  fakeTrait,
} from '$lib/ipc/fake-behavior';
import CalibrationDetailView from './CalibrationDetailView.svelte';
import CalibrationView from './CalibrationView.svelte';

let host: FakeHost;
let calibrations: Calibrations;

beforeEach(() => {
  host = new FakeHost(behaviorAnswers(() => host));
  calibrations = new Calibrations(new Ipc(host));
});
afterEach(cleanup);

const list = () =>
  render(CalibrationView, { calibrations, href: (version: string) => `#/${version}` });

async function detail(version: string): Promise<string[]> {
  const went: string[] = [];
  calibrations.show(version);
  render(CalibrationDetailView, {
    calibrations,
    listHref: '#/calibration',
    profileHref: (id: string) => `#/profiles/${id}`,
    onGone: () => went.push('gone'),
  });
  await screen.findByText('Gates');
  return went;
}

test('the list says which is active and whom a draft moves', async () => {
  list();
  await screen.findByText('1,273 people change band');
  expect(screen.getByText('active')).toBeTruthy();
  expect(screen.getByText('age<20')).toBeTruthy();
  expect(screen.getByText(/anna@example.org/)).toBeTruthy();
});

test('where nothing is, the one action is offered', async () => {
  host.answer('list_calibrations', () => ({
    schemas: [fakeSchema],
    calibrations: [],
    acts: [],
    running: null,
  }));
  list();
  await screen.findByText('No calibration yet');
  await fireEvent.click(screen.getByRole('button', { name: 'Calibrate' }));
  expect(calibrations.asking).toBe('');
});

test('what runs says how far it is, can be stopped, and says why it failed', async () => {
  list();
  const run = await new Ipc(host).call('fit_calibration', { schema: 'bfi' });
  calibrations.take(run);
  await screen.findByText('Reads people’s numbers, 400 of 2,800');
  const line = render(CalibrationLine, { calibrations, href: '#/calibration' });
  expect(line.getByTitle('Reads people’s numbers, 400 of 2,800').textContent).toContain(
    'Calibration: bfi',
  );
  host.answer('cancel_calibration', () => ({ ...run, state: 'cancelled' }));
  await fireEvent.click(screen.getByRole('button', { name: 'Stop' }));
  expect(host.requests('cancel_calibration')).toEqual([{ run: 1 }]);
  calibrations.take({ ...run, state: 'cancelled' });
  await screen.findByText('The calibration was stopped. Nothing was kept.');
  calibrations.take({
    ...run,
    state: 'failed',
    failure: fakeProblem('nothing_observed', 'none of these profiles'),
  });
  await screen.findByText(/None of these profiles has an observation/);
});

test('a draft that does not pass says what, and is activated knowingly', async () => {
  await detail(fakeDraft.version);
  expect(screen.getByText('does not pass: Openness')).toBeTruthy();
  expect(screen.getByText('nothing to compare yet')).toBeTruthy();
  expect(screen.getByText('110 of 2,800')).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Activate anyway' }));
  expect(host.requests('activate_calibration')).toEqual([
    { version: fakeDraft.version, accept: true },
  ]);
  await screen.findByText('active');
  expect(screen.queryByRole('button', { name: 'Delete' })).toBeNull();
});

test('a draft that was compared with another one is looked at again first', async () => {
  host.answer('get_calibration', () => fakeCalibrationDetail(fakeDraft, { compared: false }));
  host.answer('compare_calibration', () => ({
    run: 2,
    state: 'running',
    schema: 'bfi',
    step: 'moves',
    profiles: 0,
    profiles_total: 2_800,
    version: null,
    failure: null,
  }));
  await detail(fakeDraft.version);
  const activate = screen.getByRole('button', { name: 'Activate anyway' });
  expect(activate).toHaveProperty('disabled', true);
  await fireEvent.click(screen.getByRole('button', { name: 'Look whom it moves now' }));
  expect(host.requests('compare_calibration')).toEqual([{ version: fakeDraft.version }]);
});

test('a calibration that retired is gone back to, or deleted', async () => {
  const retired = fakeCalibration({ stage: 'retired' });
  host.answer('get_calibration', () => fakeCalibrationDetail(retired));
  const went = await detail(retired.version);
  expect(screen.getByRole('button', { name: 'Go back to this one' })).toBeTruthy();
  await fireEvent.click(screen.getByRole('button', { name: 'Delete' }));
  await waitFor(() => expect(went).toEqual(['gone']));
});

test('a new one asks for schema, people and day, and counts them', async () => {
  host.answer('list_profiles', ({ filter }) => {
    if (filter === 'age<') throw fakeProblem('invalid_filter', 'a value is missing');
    return { rows: [], total: 2_800, matching: filter === '' ? 2_800 : 562, offset: 0 };
  });
  await calibrations.load();
  const closed: string[] = [];
  calibrations.asking = '';
  render(NewCalibration, { calibrations, onClose: () => closed.push('closed') });
  const filter = await screen.findByLabelText(/^Compare with the people/);
  await fireEvent.input(filter, { target: { value: 'age<' } });
  await screen.findByText('a value is missing');
  await fireEvent.input(filter, { target: { value: 'age<20' } });
  await fireEvent.input(screen.getByLabelText('As of'), { target: { value: '2010-06-01' } });
  await fireEvent.click(await screen.findByRole('button', { name: 'Calibrate with 562 profiles' }));
  await waitFor(() => expect(closed).toEqual(['closed']));
  expect(host.requests('fit_calibration')).toEqual([
    { schema: 'bfi', filter: 'age<20', as_of: '2010-06-01T23:59:59Z' },
  ]);
});

test('a schema says where it is wrong while it is written', async () => {
  await calibrations.load();
  calibrations.editing = fakeSchema.text;
  render(SchemaDialog, { calibrations, onClose: () => undefined });
  await screen.findByText('own 1: 2 signals, 1 trait');
  await fireEvent.click(screen.getByRole('tab', { name: 'JSON' }));
  const text = screen.getByLabelText('Schema as JSON');
  await fireEvent.input(text, { target: { value: '{"dimensions":[{"weights":{"b":1}}]}' } });
  await screen.findByText('there is no signal `b`');
  expect(screen.getByText('/dimensions/0/weights')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Keep' })).toHaveProperty('disabled', true);
});

test('a trait shows on a click what adds to it', async () => {
  const dimension = fakeTrait({
    confidence: 0.4,
    parts: [
      { signal: 0, weight: 0.5, value: 0.01 },
      { signal: 1, weight: 0.5, value: -0.0736 },
      { signal: 2, weight: 0, value: 0 },
    ],
  });
  const signals = [
    fakeSignal({ name: 'a', title: null, reliability: 0.81, out_of_range: 1 }),
    fakeSignal({ reversed: true, extrapolated: true }),
    fakeSignal({ name: 'c', title: null, standing: 'unobserved' }),
  ];
  render(Trait, { dimension, signals });
  const row = screen.getByRole('button', { name: /^Openness/ });
  expect(row.getAttribute('aria-expanded')).toBe('false');
  await fireEvent.click(row);
  const items = screen.getAllByRole('listitem').map((item) => item.textContent);
  // The row itself, then what adds most.
  expect(items[1]).toMatch(/Says little.*−0\.074.*less is more · outside of what they have/s);
  expect(items[2]).toMatch(/\ba\b.*reliability 0\.81 · 1 observation out of range/s);
  expect(items[3]).toMatch(/c.*–.*not observed/s);
  expect(
    screen.getByText('T 40 · stanine 3 · low · rests on 40.0% of what it is made of'),
  ).toBeTruthy();
});

test('of whom nothing is known nothing is shown', () => {
  const dimension = fakeTrait({
    score: null,
    band_90: null,
    percentile: null,
    confidence: 0,
    parts: [],
  });
  render(Trait, { dimension, signals: [] });
  expect(screen.getByRole('button', { name: /^Openness/ })).toHaveProperty('disabled', true);
  expect(screen.getByText('nothing known')).toBeTruthy();
});
