import { untrack } from 'svelte';
import { inField } from '$lib/state/keyboard';
import { strokeOf } from './keys';
import { COMMANDS, textOf, type CommandId } from './table';

/** What a command does while whoever bound it is on the screen. */
export interface Bound {
  run: (event?: KeyboardEvent) => void;
  /** Whether it applies now; asked with the key that was pressed, where one was. */
  when?: (event?: KeyboardEvent) => boolean;
}

export type Bindings = Partial<Record<CommandId, Bound | (() => void)>>;

/** Something that the palette finds beside commands: profiles, saved views. */
export interface Found {
  /** Unlike any other of its source. */
  key: string;
  name: string;
  /** Said beside the name, in small. */
  detail?: string;
  run: () => void;
}

/** Where the palette looks for other things than commands. */
export interface Source {
  key: string;
  label: () => string;
  /** Answers few, the best first. Without words: what is worth offering at once. */
  find: (words: string) => Promise<Found[]> | Found[];
}

/** Longer, and the second key of `g p` is a letter of its own. */
export const SEQUENCE_MS = 1_500;

/** The keys and who they belong to, those that are handled here. */
const BY_KEYS = new Map<string, CommandId[]>();
/** Keys that begin a sequence. */
const BEGINNINGS = new Set<string>();
for (const [id, { keys = [], atFocus }] of COMMANDS) {
  if (atFocus) continue;
  for (const one of keys) {
    BY_KEYS.set(one, [...(BY_KEYS.get(one) ?? []), id]);
    const [first = '', second] = one.split(' ');
    if (second !== undefined) BEGINNINGS.add(first);
  }
}

/** Who has bound which command, and what the keys do. */
export class Commands {
  #bound = $state.raw<ReadonlyMap<CommandId, readonly Bound[]>>(new Map());
  #sources = $state.raw<readonly Source[]>([]);
  #begun: { stroke: string; at: number } | null = null;

  get sources(): readonly Source[] {
    return this.#sources;
  }

  /** Binds commands until the returned function is called. What was bound last is asked first. */
  bind(bindings: Bindings): () => void {
    const added = Object.entries(bindings).map(([id, bound]): [CommandId, Bound] => [
      id as CommandId,
      typeof bound === 'function' ? { run: bound } : bound,
    ]);
    this.#change((all) => {
      for (const [id, bound] of added) all.set(id, [bound, ...(all.get(id) ?? [])]);
    });
    return () =>
      this.#change((all) => {
        for (const [id, bound] of added) {
          const left = (all.get(id) ?? []).filter((one) => one !== bound);
          if (left.length > 0) all.set(id, left);
          else all.delete(id);
        }
      });
  }

  /** Lets the palette find more, until the returned function is called. */
  find(source: Source): () => void {
    untrack(() => (this.#sources = [...this.#sources, source]));
    return () => {
      untrack(() => (this.#sources = this.#sources.filter((one) => one !== source)));
    };
  }

  /** What a command would do now; null where it does not apply. */
  bound(id: CommandId, event?: KeyboardEvent): Bound | null {
    const fits = (one: Bound) => one.when === undefined || one.when(event);
    return this.#bound.get(id)?.find(fits) ?? null;
  }

  /** Runs a command; answers whether it applied. */
  run(id: CommandId): boolean {
    const bound = this.bound(id);
    bound?.run();
    return bound !== null;
  }

  /** A key of the window that nobody has used. Answers whether it was a command's. */
  press(event: KeyboardEvent): boolean {
    const stroke = event.defaultPrevented ? null : strokeOf(event);
    if (stroke === null) return false;
    const begun = this.#begun;
    this.#begun = null;
    const typing = inField(event);
    const follows = begun !== null && event.timeStamp - begun.at < SEQUENCE_MS;
    const ids = [
      ...((follows && BY_KEYS.get(`${begun.stroke} ${stroke}`)) || []),
      ...(BY_KEYS.get(stroke) ?? []),
    ];
    for (const id of ids) {
      const bound = typing && !textOf(id).everywhere ? null : this.bound(id, event);
      if (bound === null) continue;
      event.preventDefault();
      bound.run(event);
      return true;
    }
    if (!typing && BEGINNINGS.has(stroke)) this.#begun = { stroke, at: event.timeStamp };
    return false;
  }

  #change(work: (all: Map<CommandId, readonly Bound[]>) => void): void {
    // Whoever binds in an effect must not run again because of it.
    untrack(() => {
      const all = new Map(this.#bound);
      work(all);
      this.#bound = all;
    });
  }
}

/** The window's commands. */
export const commands = new Commands();
