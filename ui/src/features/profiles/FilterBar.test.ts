import { render, screen } from '@testing-library/svelte';
import { expect, test } from 'vitest';
import { Ipc } from '$lib/ipc';
import { FakeHost, fakeProblem } from '$lib/ipc/fake';
import FilterBar from './FilterBar.svelte';
import { ProfileList } from './profile-list.svelte';

test('what is wrong with a filter is said at its field', async () => {
  const host = new FakeHost();
  host.answer('list_profiles', () => Promise.reject(fakeProblem('invalid_filter', '`tag:` what?')));
  const list = new ProfileList(new Ipc(host));
  render(FilterBar, { list, onLeave: () => undefined });
  const field = screen.getByRole('searchbox', { name: 'Filter profiles' });
  expect(field.getAttribute('aria-invalid')).toBe('false');
  list.filter = 'tag:';
  await list.apply();
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toContain('`tag:` what?');
  expect(field.getAttribute('aria-invalid')).toBe('true');
  expect(field.getAttribute('aria-describedby')).toBe(alert.id);
});
