import { problemOf, type BegunSignIn, type Ipc, type Problem, type SyncStatus } from '$lib/ipc';

/** What the host says about sync, and the three things one can ask of it. */
export class Sync {
  /** Null until the host has answered for the first time. */
  status = $state.raw<SyncStatus | null>(null);
  /** Why the last request failed. */
  problem = $state.raw<Problem | null>(null);
  /** Whether a sign-in is on its way. */
  signingIn = $state(false);

  /** The sign-in that goes on in the browser. */
  inBrowser = $state.raw<BegunSignIn | null>(null);

  readonly #ipc: Ipc;
  #told = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** An event's status; it is newer than any answer that is still on its way. */
  take(status: SyncStatus): void {
    this.#told += 1;
    this.status = status;
  }

  async load(): Promise<void> {
    // What was true before must not go on being shown when nobody can say whether it still is.
    if (!(await this.#ask(() => this.#ipc.call('sync_status', {})))) this.status = null;
  }

  async syncNow(): Promise<void> {
    await this.#ask(() => this.#ipc.call('sync_now', {}));
  }

  async signOut(): Promise<void> {
    await this.#ask(() => this.#ipc.call('sign_out', {}));
  }

  /** Answers whether the relay took the token. The token is not kept here. */
  async signIn(url: string, token: string): Promise<boolean> {
    this.signingIn = true;
    try {
      return await this.#ask(() => this.#ipc.call('sign_in', { url, token }));
    } finally {
      this.signingIn = false;
    }
  }

  /** With whom one signs in at a relay in the browser; null where that is not offered, or nobody answers there. */
  async providerOf(url: string): Promise<string | null> {
    try {
      return (await this.#ipc.call('relay_ways', { url })).provider ?? null;
    } catch {
      // Signing in says what is wrong with an address.
      return null;
    }
  }

  /** Opens the browser and waits until somebody comes back; answers whether they are signed in. */
  async signInByBrowser(url: string): Promise<boolean> {
    this.signingIn = true;
    try {
      return await this.#ask(async () => {
        this.inBrowser = await this.#ipc.call('begin_sign_in', { url, open_browser: true });
        return this.#ipc.call('end_sign_in', {});
      });
    } finally {
      this.inBrowser = null;
      this.signingIn = false;
    }
  }

  /** Stops to wait for the browser. */
  async cancelBrowser(): Promise<void> {
    await this.#ipc.call('cancel_sign_in', {}).catch(() => undefined);
  }

  async #ask(call: () => Promise<SyncStatus>): Promise<boolean> {
    const told = this.#told;
    try {
      const status = await call();
      if (told === this.#told) this.status = status;
      this.problem = null;
      return true;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      return false;
    }
  }
}

/** The host part of the relay's address, which is what people know it by. */
export function relayName(address: string | null | undefined): string {
  if (!address) return '';
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}
