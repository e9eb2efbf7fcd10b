import { problemOf, type Diagnostics, type Ipc, type Problem, type SavedFile } from '$lib/ipc';
import { locale } from '$lib/i18n.svelte';
import { density } from '$lib/state/density.svelte';
import { theme } from '$lib/state/theme.svelte';
import { webEngine } from './engine';

/** A diagnostic bundle: made, looked at, saved. */
export class Bundle {
  /** Whether the data folder is checked for it. */
  checks = $state(true);
  made = $state.raw<Diagnostics | null>(null);
  saved = $state.raw<SavedFile | null>(null);
  problem = $state.raw<Problem | null>(null);
  doing = $state<'preparing' | 'saving' | null>(null);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** The bundle's texts in bytes, about what its file has. */
  readonly bytes = $derived(
    (this.made?.files ?? []).reduce((sum, { text }) => sum + new Blob([text]).size, 0),
  );

  async prepare(): Promise<void> {
    await this.#do('preparing', async () => {
      this.saved = null;
      const size = `${window.innerWidth} × ${window.innerHeight} at ${window.devicePixelRatio}`;
      const facts = {
        language: locale.current,
        theme: theme.current,
        density: density.current,
        engine: webEngine(navigator.userAgent),
        size,
      };
      this.made = await this.#ipc.call('prepare_diagnostics', {
        check: this.checks,
        window: facts,
      });
    });
  }

  async save(): Promise<void> {
    const bundle = this.made?.bundle;
    if (bundle === undefined) return;
    await this.#do('saving', async () => {
      this.saved = await this.#ipc.call('save_diagnostics', { bundle });
    });
  }

  async #do(what: 'preparing' | 'saving', work: () => Promise<void>): Promise<void> {
    if (this.doing !== null) return;
    this.doing = what;
    this.problem = null;
    try {
      await work();
    } catch (thrown) {
      this.problem = problemOf(thrown);
    } finally {
      this.doing = null;
    }
  }
}
