import { formatCount } from '$lib/format';
import { m } from '$lib/i18n.svelte';
import type { FacetValue, Field, Ipc } from '$lib/ipc';
import { Newest } from '$lib/state/newest';
import type { AttributeCatalog } from './attribute-catalog.svelte';
import {
  fieldOffers,
  nameOffers,
  OFFERED_MAX,
  valueOffers,
  writingAt,
  type Offer,
  type Writing,
} from './filter-completion';
import type { ProfileList } from './profile-list.svelte';
import { scoreNames } from './score-names.svelte';

/** The scores as a filter may write them: without the schema where no other has a dimension of that name. */
function scoresToWrite(): { name: string; hint: string }[] {
  const short = (name: string) => name.slice(name.indexOf('.') + 1);
  const isOnly = (name: string) =>
    scoreNames.all.filter((other) => short(other.name) === short(name)).length === 1;
  return scoreNames.all.map(({ name }) => ({
    name: isOnly(name) ? short(name) : name,
    hint: scoreNames.title(name),
  }));
}

/** Offers what could stand at the cursor of the filter, from what the profiles really have. */
export class Completion {
  offers = $state.raw<Offer[]>([]);
  /** What the offers would replace. */
  writing = $state.raw<Writing | null>(null);

  readonly #ipc: Ipc;
  readonly #list: ProfileList;
  readonly #catalog: AttributeCatalog;
  readonly #questions = new Newest();

  constructor(ipc: Ipc, list: ProfileList, catalog: AttributeCatalog) {
    this.#ipc = ipc;
    this.#list = list;
    this.#catalog = catalog;
  }

  /**
   * A letter was typed; the offers follow. One question at a time: of a million profiles values are
   * not counted as fast as some people type.
   */
  ask(filter: string, cursor: number): Promise<void> {
    return this.#questions.run(async (isWanted) => {
      const writing = writingAt(filter, cursor);
      const offers = writing === null ? [] : await this.#offersFor(writing);
      if (!isWanted()) return;
      this.writing = writing;
      this.offers = offers;
    });
  }

  close(): void {
    this.#questions.forget();
    this.writing = null;
    this.offers = [];
  }

  async #offersFor({ typed, rest, of }: Writing): Promise<Offer[]> {
    if (of === null || of === 'has') {
      await this.#catalog.load();
      const names = this.#catalog.names.map(({ name, profiles }) => ({
        name,
        hint: formatCount(profiles),
      }));
      if (of === 'has') return nameOffers(typed, names);
      return fieldOffers(typed, names, m.filter_field(), scoresToWrite());
    }
    // Not in the list as it is shown: to a pause in typing it is the list of what is written so far.
    const values = (await this.#count(of, typed, rest)) ?? (await this.#count(of, typed, '')) ?? [];
    return valueOffers(
      values.map(({ value, count }) => ({ value, hint: formatCount(count) })),
      typed,
    );
  }

  /** How often values occur in what this filter lists; null where it cannot be read, as `a or` alone. */
  async #count(field: Field, find: string, filter: string): Promise<FacetValue[] | null> {
    const { search } = this.#list;
    try {
      const request = { field, filter, search, find, limit: OFFERED_MAX };
      return (await this.#ipc.call('count_facet', request)).values;
    } catch {
      return null;
    }
  }
}
