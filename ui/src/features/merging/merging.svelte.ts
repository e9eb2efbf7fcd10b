import {
  problemOf,
  type Ipc,
  type MergeField,
  type MergePreview,
  type MergeSide,
  type Merged,
  type Problem,
} from '$lib/ipc';
import { Newest } from '$lib/state/newest';

/** One of two profiles: the first or the second one, whichever is kept. */
export type Place = 0 | 1;

const PLACES = [0, 1] as const;

/** Ids that the host looks up at once. */
const IDS_AT_ONCE = 1_000;

/**
 * Two profiles side by side that are to become one. They keep their places, whichever of them stays; what
 * is chosen is chosen by place.
 */
export class Merging {
  readonly ids: readonly [string, string];
  keep = $state<Place>(0);
  /** What would come of it now; null before the first answer. */
  preview = $state.raw<MergePreview | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  /** The choices that a person made, by field. */
  chosen = $state.raw<ReadonlyMap<string, Place>>(new Map());

  readonly #ipc: Ipc;
  readonly #previews = new Newest();

  readonly kept = $derived.by(() => this.ids[this.keep]);
  readonly merged = $derived.by(() => this.ids[this.keep === 0 ? 1 : 0]);
  /** Whether what is shown is of what is chosen now, and nothing stands in the way. */
  readonly ready = $derived.by(
    () => this.preview?.kept.id === this.kept && this.preview.obstacles.length === 0,
  );

  constructor(ipc: Ipc, ids: readonly [string, string]) {
    this.#ipc = ipc;
    this.ids = ids;
  }

  /** A side of the preview by its place. */
  side(place: Place): MergeSide | null {
    const { preview } = this;
    if (preview === null) return null;
    return preview.kept.id === this.ids[place] ? preview.kept : preview.merged;
  }

  /** A field's value in a profile. */
  value(field: MergeField, place: Place): unknown {
    return this.preview?.kept.id === this.ids[place] ? field.kept : field.merged;
  }

  /** The place whose value a field with a choice takes. */
  choice(pointer: string): Place {
    return this.chosen.get(pointer) ?? this.keep;
  }

  load(): Promise<void> {
    return this.#previews.run(async (isWanted) => {
      const { kept, merged, choices } = this;
      try {
        const preview = await this.#ipc.call('preview_merge', { kept, merged, choices });
        if (!isWanted()) return;
        this.preview = preview;
        this.problem = null;
      } catch (thrown) {
        if (isWanted()) this.problem = problemOf(thrown);
      }
    });
  }

  choose(pointer: string, place: Place): void {
    this.chosen = new Map([...this.chosen, [pointer, place]]);
    void this.load();
  }

  keepAt(place: Place): void {
    this.keep = place;
    void this.load();
  }

  /** The fields that take the value of the one that goes. */
  get choices(): string[] {
    return [...this.chosen].filter(([, place]) => place !== this.keep).map(([pointer]) => pointer);
  }

  /** Merges them, as they were looked at. Answers whether that was done. */
  async merge(): Promise<boolean> {
    const { kept, merged, choices, preview } = this;
    if (this.busy || !this.ready || preview === null) return false;
    this.busy = true;
    const seen = { kept: preview.kept.hash, merged: preview.merged.hash };
    try {
      await this.#ipc.call('merge_profiles', { kept, merged, choices, seen });
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      // What stood on show may be another profile now.
      void this.load();
      return false;
    } finally {
      this.busy = false;
    }
  }
}

/** What a page with pairs needs of merging. */
export interface Merges {
  /** Says which profiles are on show. */
  look: (ids: string[]) => void;
  areOne: (pair: readonly [string, string]) => boolean;
  begin: (pair: readonly [string, string]) => void;
}

/** Which of the profiles that a page names were merged, and into which. */
export class MergedIds {
  into = $state.raw<ReadonlyMap<string, string>>(new Map());

  readonly #ipc: Ipc;
  readonly #asking = new Newest();
  #ids: string[] = [];

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** The profiles that are on show. */
  load(ids: string[]): Promise<void> {
    this.#ids = ids;
    return this.#asking.run(async (isWanted) => {
      // Where it cannot be told, nothing is said of it: each profile says so itself.
      const asked = this.#ipc.call('merged_ids', { ids: ids.slice(0, IDS_AT_ONCE) });
      const found = await asked.then(({ merged }) => merged).catch((): Merged[] => []);
      if (isWanted()) this.into = new Map(found.map(({ id, into }) => [id, into]));
    });
  }

  /** The store changed. */
  refresh(): void {
    if (this.#ids.length > 0) void this.load(this.#ids);
  }

  /** Whether two profiles are one already. */
  areOne([id, other]: readonly [string, string]): boolean {
    const { into } = this;
    return (into.get(id) ?? id) === (into.get(other) ?? other);
  }
}

export { PLACES };
