import type { AttributeName, Ipc } from '$lib/ipc';

/** While an import runs the store changes all the time; names follow every so often. */
const FRESH_MS = 2_000;

/** The attributes that profiles have, with their counts: for columns and facets. */
export class AttributeCatalog {
  /** The most frequent first. */
  names = $state.raw<AttributeName[]>([]);

  readonly #ipc: Ipc;
  #loading: Promise<void> | null = null;
  #loadedAt = Number.NEGATIVE_INFINITY;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** Asks for the names, unless they were just asked for. */
  load(): Promise<void> {
    if (performance.now() - this.#loadedAt < FRESH_MS) return Promise.resolve();
    this.#loading ??= this.#fetch();
    return this.#loading;
  }

  async #fetch(): Promise<void> {
    try {
      this.names = (await this.#ipc.call('list_attributes', {})).attributes;
      this.#loadedAt = performance.now();
    } catch {
      // The names before stay; whoever opens the menu again asks again.
    } finally {
      this.#loading = null;
    }
  }
}
