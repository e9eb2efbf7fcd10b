import {
  problemOf,
  type ActDone,
  type Conflict,
  type ConflictRow,
  type Decision,
  type Ipc,
  type Problem,
  type Side,
} from '$lib/ipc';

/** Profiles that come at once: the host reads each one's document. */
export const PART = 100;
/** Long enough for the next letter of a word, short enough to feel immediate. */
const TYPING_PAUSE_MS = 120;

/** A line of the list: one field of one profile. */
export interface ConflictLine {
  key: string;
  profile: ConflictRow;
  conflict: Conflict;
}

/** All conflicts of the store, field by field, and deciding them. */
export class ConflictList {
  search = $state('');
  profiles = $state.raw<ConflictRow[] | null>(null);
  /** How many profiles match the search. */
  total = $state(0);
  problem = $state.raw<Problem | null>(null);
  /** The row that has, or would get, the focus. */
  active = $state(0);
  /** Profiles that are picked for a step on several. */
  picked = $state.raw<ReadonlySet<string>>(new Set());
  /** The profile whose conflicts are being decided. */
  open = $state.raw<string | null>(null);
  busy = $state(false);

  readonly lines = $derived.by(() =>
    (this.profiles ?? []).flatMap((profile) =>
      profile.conflicts.map((conflict): ConflictLine => ({
        key: `${profile.id} ${conflict.pointer}`,
        profile,
        conflict,
      })),
    ),
  );

  readonly #ipc: Ipc;
  #asked = 0;
  #limit = PART;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** The profile whose conflicts are being decided, as it is in the list now. */
  get opened(): ConflictRow | null {
    return this.profiles?.find((profile) => profile.id === this.open) ?? null;
  }

  async load(): Promise<void> {
    clearTimeout(this.#typing);
    const asked = (this.#asked += 1);
    const search = this.search.trim();
    try {
      const profiles: ConflictRow[] = [];
      let total = 0;
      while (profiles.length < this.#limit) {
        const offset = profiles.length;
        const page = await this.#ipc.call('list_conflicts', { search, offset, limit: PART });
        if (asked !== this.#asked) return;
        profiles.push(...page.rows);
        total = page.total;
        if (page.rows.length < PART) break;
      }
      this.#take(profiles, total);
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }

  /** A letter was typed into the search. */
  typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => {
      this.active = 0;
      this.picked = new Set();
      void this.load();
    }, TYPING_PAUSE_MS);
  }

  /** The store changed: asks again where the list is looked at. */
  refresh(): void {
    if (this.profiles !== null) void this.load();
  }

  /** The end of what is here came into sight. */
  more(): void {
    const here = this.profiles?.length ?? 0;
    if (here < this.#limit || here >= this.total) return;
    this.#limit += PART;
    void this.load();
  }

  /** Nobody looks any more. */
  leave(): void {
    this.#asked += 1;
    clearTimeout(this.#typing);
    this.#limit = PART;
    this.profiles = null;
    this.problem = null;
    this.open = null;
    this.picked = new Set();
  }

  toggle(id: string): void {
    const next = new Set(this.picked);
    if (!next.delete(id)) next.add(id);
    this.picked = next;
  }

  pickAll(): void {
    this.picked = new Set(this.profiles?.map((profile) => profile.id));
  }

  /** Decides conflicts of the open profile. Answers why not, where it could not. */
  async decide(decisions: Decision[]): Promise<Problem | null> {
    const id = this.open;
    if (id === null) return null;
    try {
      await this.#ipc.call('decide_conflicts', { id, decisions });
      this.open = null;
      await this.load();
      return null;
    } catch (thrown) {
      // Somebody else may have decided: the sides on show are asked for again.
      await this.load();
      return problemOf(thrown);
    }
  }

  /** Decides all conflicts of the picked profiles for one side, as one step. */
  async decidePicked(side: Side): Promise<ActDone | null> {
    if (this.busy || this.picked.size === 0) return null;
    this.busy = true;
    try {
      const done = await this.#ipc.call('decide_many', { ids: [...this.picked], side });
      this.picked = new Set();
      await this.load();
      return done;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return null;
    } finally {
      this.busy = false;
    }
  }

  #take(profiles: ConflictRow[], total: number): void {
    const here = new Set(profiles.map((profile) => profile.id));
    this.profiles = profiles;
    this.total = total;
    this.problem = null;
    this.picked = new Set([...this.picked].filter((id) => here.has(id)));
    this.active = Math.min(this.active, Math.max(0, this.lines.length - 1));
  }
}
