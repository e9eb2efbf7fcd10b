import { problemOf, type Facet, type FacetValue, type Field, type Ipc } from '$lib/ipc';
import type { NarrowFilter, Problem } from '$lib/ipc';
import type { AttributeCatalog } from './attribute-catalog.svelte';
import type { ProfileList } from './profile-list.svelte';

/** Values that a facet shows until more are asked for. */
export const VALUES_SHOWN = 6;
/** Values after "more"; beyond that, searching is quicker than reading. */
export const VALUES_MORE = 50;
/** A facet with more values gets a field to search in. */
export const SEARCHED_FROM = 8;
/** Attributes that are open from the start: as many as a screen holds. */
const OPEN_ATTRIBUTES = 4;
/** Attributes that the panel lists; the filter knows them all. */
const ATTRIBUTES_MAX = 60;
/** While an import runs the store changes all the time; counts follow once in a while. */
export const FOLLOW_MS = 1_000;

const STORED_AS = 'kartei.facets';

/** The values of one field, as far as they are shown. */
export class FacetSection {
  readonly key: string;
  readonly field: Field;
  /** Whether its values are shown. */
  isOpen = $state(true);
  facet = $state.raw<Facet | null>(null);
  problem = $state.raw<Problem | null>(null);
  find = $state('');
  more = $state(false);

  constructor(key: string, field: Field, isOpen: boolean) {
    this.key = key;
    this.field = field;
    this.isOpen = isOpen;
  }

  /** The values that the filter names. */
  get named(): number {
    return this.facet?.values.filter((value) => value.chosen || value.excluded).length ?? 0;
  }
}

/**
 * The panel of facets: values of fields with how many of the listed profiles have each. Counts are
 * asked for one field after the other, so that the list's own questions come in between; what a
 * person clicks becomes text of the filter.
 */
export class Facets {
  isOpen = $state(localStorage.getItem(STORED_AS) === 'open');
  sections = $state.raw<FacetSection[]>([
    new FacetSection('status', 'status', true),
    new FacetSection('tags', 'tags', true),
  ]);

  readonly #ipc: Ipc;
  readonly #list: ProfileList;
  readonly #catalog: AttributeCatalog;
  /** Grows with every reason to count: answers to older questions are dropped. */
  #asked = 0;
  #following: ReturnType<typeof setTimeout> | undefined;
  #narrowing: Promise<void> = Promise.resolve();

  constructor(ipc: Ipc, list: ProfileList, catalog: AttributeCatalog) {
    this.#ipc = ipc;
    this.#list = list;
    this.#catalog = catalog;
  }

  toggle(): void {
    this.isOpen = !this.isOpen;
    localStorage.setItem(STORED_AS, this.isOpen ? 'open' : 'closed');
  }

  /** Counts what is shown, for the filter that the list shows. */
  async count(): Promise<void> {
    if (!this.isOpen) return;
    const asked = (this.#asked += 1);
    await this.#catalog.load();
    this.#listSections();
    for (const section of this.sections) {
      if (asked !== this.#asked) return;
      if (section.isOpen) await this.#fetch(section, asked);
    }
  }

  /** The store changed: counts follow, but not with every change. */
  storeChanged(): void {
    if (!this.isOpen || this.#following !== undefined) return;
    this.#following = setTimeout(() => {
      this.#following = undefined;
      void this.count();
    }, FOLLOW_MS);
  }

  /** Shows the values of a field, or hides them. */
  toggleSection(section: FacetSection): void {
    section.isOpen = !section.isOpen;
    if (section.isOpen) void this.#fetch(section, this.#asked);
  }

  /** Another search within the values, or more of them. */
  refine(section: FacetSection): void {
    void this.#fetch(section, this.#asked);
  }

  /** A click on a value: asks for it, or no longer. */
  choose(section: FacetSection, value: FacetValue): Promise<void> {
    const how = value.chosen || value.excluded ? 'drop' : 'any';
    return this.narrow({ field: section.field, value: value.value, how });
  }

  /** Excludes a value, or no longer. */
  exclude(section: FacetSection, value: FacetValue): Promise<void> {
    const how = value.excluded ? 'drop' : 'not';
    return this.narrow({ field: section.field, value: value.value, how });
  }

  /** Adds a value to the filter's text or takes it out, one after the other. */
  narrow(request: Omit<NarrowFilter, 'filter'>): Promise<void> {
    this.#narrowing = this.#narrowing.then(() => this.#narrow(request));
    return this.#narrowing;
  }

  async #narrow(request: Omit<NarrowFilter, 'filter'>): Promise<void> {
    const list = this.#list;
    // Nothing can be added to a text that is wrong: what the list shows is added to instead.
    const before = list.filterProblem === null ? list.filter : list.rows.query.filter;
    const written = list.filter;
    try {
      const { filter } = await this.#ipc.call('narrow_filter', { ...request, filter: before });
      // Who went on writing meanwhile means what they wrote.
      if (list.filter !== written) return;
      list.filter = filter;
      await list.apply();
    } catch (thrown) {
      list.queryProblem = problemOf(thrown);
    }
  }

  /** A section for each attribute; those with few values first, some of them open. */
  #listSections(): void {
    const known = new Map(this.sections.map((section) => [section.key, section]));
    const names = this.#catalog.names;
    const few = names.filter((one) => one.few != null);
    const many = names.filter((one) => one.few == null);
    const attributes = [...few, ...many].slice(0, ATTRIBUTES_MAX);
    const keys = ['status', 'tags', ...attributes.map(({ name }) => `attribute:${name}`)];
    if (keys.join('\n') === this.sections.map(({ key }) => key).join('\n')) return;
    const opened = new Set(few.slice(0, OPEN_ATTRIBUTES).map(({ name }) => name));
    this.sections = [
      ...this.sections.slice(0, 2),
      ...attributes.map(({ name }) => {
        const key = `attribute:${name}`;
        const field: Field = { attribute: name };
        return known.get(key) ?? new FacetSection(key, field, opened.has(name));
      }),
    ];
  }

  async #fetch(section: FacetSection, asked: number): Promise<void> {
    const { filter, search } = this.#list.rows.query;
    const { find, more } = section;
    const limit = more || find !== '' ? VALUES_MORE : VALUES_SHOWN;
    try {
      const request = { filter, search, field: section.field, find, limit };
      const facet = await this.#ipc.call('count_facet', request);
      if (asked !== this.#asked || find !== section.find || more !== section.more) return;
      section.facet = facet;
      section.problem = null;
    } catch (thrown) {
      section.problem = problemOf(thrown);
    }
  }
}
