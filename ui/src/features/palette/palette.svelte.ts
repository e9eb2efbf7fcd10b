import type { IconName } from '$lib/components/Icon.svelte';
import { COMMANDS, GROUPS, textOf, type CommandId, type Commands, type Found } from '$lib/commands';
import { fit } from '$lib/commands/fuzzy';
import { m } from '$lib/i18n.svelte';
import { noteRecent, recentCommands } from './recent';

/** One line of the palette. */
export interface Entry {
  key: string;
  name: string;
  /** Said beside the name, in small. */
  detail: string;
  icon: IconName | null;
  keys: string | null;
  /** The name's letters that were typed. */
  marks: number[];
  run: () => void;
}

export interface EntryGroup {
  key: string;
  label: string;
  entries: Entry[];
}

/** Long enough for the next letter, short enough to feel immediate. */
export const TYPING_PAUSE_MS = 80;
/** Commands shown for some words; the one that was meant is among the first or not at all. */
const COMMANDS_MAX = 8;
/** What was run lately is meant more often. */
const RECENT_BONUS = 2;
/** A hit in a command's other words tells less than one in its name. */
const ALSO_MALUS = 6;

/** What is typed into the palette, and what fits it. */
export class Palette {
  words = $state('');
  /** The line that Enter runs, counted over all groups. */
  active = $state(0);
  readonly recent = recentCommands();

  readonly #commands: Commands;
  #found = $state.raw<{ words: string; groups: EntryGroup[] }>({ words: '', groups: [] });
  #pause: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  readonly groups = $derived.by((): EntryGroup[] => {
    const commands = this.words.trim() === '' ? this.#listed() : this.#fitting(this.words);
    return [...commands, ...this.#found.groups].filter(({ entries }) => entries.length > 0);
  });
  readonly entries = $derived(this.groups.flatMap(({ entries }) => entries));

  /** Looks for what is not a command at once. */
  async look(): Promise<void> {
    clearTimeout(this.#pause);
    const asked = (this.#asked += 1);
    const words = this.words.trim();
    const groups = await Promise.all(
      this.#commands.sources.map(async ({ key, label, find }): Promise<EntryGroup> => {
        // A list that cannot be had is none; the page itself says what is wrong with the host.
        const found = await Promise.resolve(find(words)).catch((): Found[] => []);
        return { key, label: label(), entries: found.map((one) => foundEntry(key, one, words)) };
      }),
    );
    if (asked !== this.#asked) return;
    this.#found = { words, groups };
    this.active = Math.min(this.active, Math.max(0, this.entries.length - 1));
  }

  /** A letter was typed. */
  typed(): void {
    this.active = 0;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => void this.look(), TYPING_PAUSE_MS);
  }

  move(by: number): void {
    const count = this.entries.length;
    if (count > 0) this.active = (this.active + by + count) % count;
  }

  leave(): void {
    clearTimeout(this.#pause);
    this.#asked += 1;
  }

  /** Everything that applies now: what was run last, what one has before oneself, then the rest. */
  #listed(): EntryGroup[] {
    const recent = this.recent.flatMap((id) => this.#entry(id, [], 'recent') ?? []);
    const isNear = ({ key }: { key: string }) => key === 'selection' || key === 'profile';
    const near = [...GROUPS.filter(isNear), ...GROUPS.filter((group) => !isNear(group))];
    const groups = near.map(({ key, label }): EntryGroup => {
      const ids = COMMANDS.filter(([, { group }]) => group === key).map(([id]) => id);
      return { key, label: label(), entries: ids.flatMap((id) => this.#entry(id, []) ?? []) };
    });
    return [{ key: 'recent', label: m.palette_recent(), entries: recent }, ...groups];
  }

  #fitting(words: string): EntryGroup[] {
    const fits: { entry: Entry; score: number }[] = [];
    for (const [id, { name, group, also }] of COMMANDS) {
      const label = GROUPS.find(({ key }) => key === group)?.label() ?? '';
      const own = fit(words, name());
      const wider = own ?? fit(words, `${name()} ${label} ${also?.() ?? ''}`);
      const entry = wider === null ? null : this.#entry(id, own?.marks ?? []);
      if (wider === null || entry === null) continue;
      const bonus = (this.recent.includes(id) ? RECENT_BONUS : 0) - (own === null ? ALSO_MALUS : 0);
      fits.push({ entry, score: wider.score + bonus });
    }
    fits.sort((a, b) => b.score - a.score);
    const entries = fits.slice(0, COMMANDS_MAX).map(({ entry }) => entry);
    return [{ key: 'commands', label: m.palette_commands(), entries }];
  }

  #entry(id: CommandId, marks: number[], place = 'command'): Entry | null {
    const bound = this.#commands.bound(id);
    // A list's own keys need the list in focus; and the palette is open already.
    if (bound === null || id === 'window.palette') return null;
    const { name, group, icon, keys } = textOf(id);
    return {
      key: `${place}:${id}`,
      name: name(),
      detail: GROUPS.find(({ key }) => key === group)?.label() ?? '',
      icon: icon ?? null,
      keys: keys?.[0] ?? null,
      marks,
      run: () => {
        noteRecent(id);
        bound.run();
      },
    };
  }
}

function foundEntry(source: string, found: Found, words: string): Entry {
  return {
    key: `${source}:${found.key}`,
    name: found.name,
    detail: found.detail ?? '',
    icon: null,
    keys: null,
    marks: fit(words, found.name)?.marks ?? [],
    run: found.run,
  };
}
