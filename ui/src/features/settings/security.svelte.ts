import { problemOf, type Ipc, type Problem, type Security } from '$lib/ipc';

/** How secrets are kept on this computer. */
export class SecurityState {
  /** Null until the host has answered for the first time. */
  current = $state.raw<Security | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);

  readonly #ipc: Ipc;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  load(): Promise<void> {
    return this.#ask(() => this.#ipc.call('security', {}));
  }

  keepToken(inKeychain: boolean): Promise<void> {
    return this.#ask(() => this.#ipc.call('keep_token', { in_keychain: inKeychain }));
  }

  async #ask(request: () => Promise<Security>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      this.current = await request();
    } catch (thrown) {
      this.problem = problemOf(thrown);
    } finally {
      this.busy = false;
    }
  }
}
