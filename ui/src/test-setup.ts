import { cleanup } from '@testing-library/svelte';
import { afterEach, beforeEach, vi } from 'vitest';
import { locale } from '$lib/i18n.svelte';

beforeEach(() => locale.choose('en'));

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  localStorage.clear();
});
