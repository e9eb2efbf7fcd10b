import { m } from '$lib/i18n.svelte';
import { problemOf, type Ipc, type Problem, type SignIn, type Workspace } from '$lib/ipc';

/** How a workspace is called in the window, whether or not somebody gave it a name. */
export const nameOf = (workspace: Workspace): string =>
  workspace.name ?? workspace.organisation ?? m.workspace_local();

/** One or two letters that stand for a name where there is no room for it. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters =
    words.length > 1
      ? words.slice(0, 2).map((word) => [...word][0])
      : [...(words[0] ?? '–')].slice(0, 2);
  return letters.join('').toUpperCase();
}

/** The workspaces of this computer, of which the window shows one. */
export class WorkspaceList {
  all = $state.raw<Workspace[]>([]);
  /** Why the last request failed. */
  problem = $state.raw<Problem | null>(null);
  /** Whether a request is on its way: they change places, one after another. */
  busy = $state(false);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  get current(): Workspace | null {
    return this.all.find((one) => one.current) ?? null;
  }

  async load(): Promise<void> {
    await this.#ask(() => this.#ipc.call('list_workspaces', {}));
  }

  /** Opens another one; the host's event then loads the window anew. */
  async open(id: string): Promise<void> {
    if (this.current?.id !== id) await this.#ask(() => this.#ipc.call('open_workspace', { id }));
  }

  /** Opens the one at this place of the list, as its key does. */
  async openAt(index: number): Promise<void> {
    const workspace = this.all[index];
    if (workspace !== undefined) await this.open(workspace.id);
  }

  add(name: string | null, relay: SignIn | null): Promise<boolean> {
    return this.#ask(() => this.#ipc.call('add_workspace', { name, relay }));
  }

  rename(id: string, name: string): Promise<boolean> {
    return this.#ask(() => this.#ipc.call('rename_workspace', { id, name }));
  }

  /** Removes one; refused as `blocked` where changes would be lost that no relay has. */
  remove(id: string, evenUnsent: boolean): Promise<boolean> {
    return this.#ask(() => this.#ipc.call('remove_workspace', { id, even_unsent: evenUnsent }));
  }

  async #ask(request: () => Promise<{ workspaces: Workspace[] }>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    try {
      this.all = (await request()).workspaces;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
