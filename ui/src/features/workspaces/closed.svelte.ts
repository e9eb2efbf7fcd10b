import { problemOf, type Ipc, type Problem, type Workspace } from '$lib/ipc';

/** A workspace that is closed for want of its key, and the ways to open it. */
export class Closed {
  /** What keeps it closed; null as long as it is open. */
  problem = $state.raw<Problem | null>(null);
  /** Whether somebody tried to open it, and could not. */
  refused = $state(false);
  others = $state.raw<Workspace[]>([]);
  busy = $state(false);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
    ipc.onClosed = (problem) => {
      // Each command that does not get through says the same; the first is as good as any.
      this.problem ??= problem;
    };
  }

  async loadOthers(): Promise<void> {
    // Without a list there is nothing to choose; what keeps this one closed is told anyway.
    const answer = await this.#ipc.call('list_workspaces', {}).catch(() => null);
    this.others = answer?.workspaces.filter((one) => !one.current) ?? [];
  }

  /** Asks the keychain again, or opens it with its recovery key. The host's event then loads anew. */
  unlock(recoveryKey: string | null): Promise<void> {
    const key = recoveryKey === null ? {} : { recovery_key: { key: recoveryKey } };
    return this.#ask(() => this.#ipc.call('unlock_store', key));
  }

  open(id: string): Promise<void> {
    return this.#ask(() => this.#ipc.call('open_workspace', { id }));
  }

  async #ask(request: () => Promise<unknown>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await request();
    } catch (thrown) {
      this.problem = problemOf(thrown);
      this.refused = true;
    } finally {
      this.busy = false;
    }
  }
}
