import { Relay, RelayError, relayError, type WhoAmI } from './relay';

/** Ends with the tab: a token that opens everything is not left on a computer. */
const STORED_AS = 'kartei.admin.token';

/** Who is signed in. The token is checked before anything is shown. */
export class Session {
  #relay = $state.raw<Relay | null>(null);
  #who = $state.raw<WhoAmI | null>(null);
  /** Why nobody is signed in, where that is not by choice. */
  problem = $state.raw<RelayError | null>(null);
  busy = $state(false);

  constructor(private readonly base: URL) {
    const stored = sessionStorage.getItem(STORED_AS);
    if (stored !== null) void this.signIn(stored);
  }

  get relay(): Relay | null {
    return this.#relay;
  }

  get who(): WhoAmI | null {
    return this.#who;
  }

  /** Answers whether the token opens the page. */
  async signIn(token: string): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    const relay = new Relay(this.base, token, () => this.#refused());
    try {
      const who = await relay.whoami();
      if (who.role !== 'admin') throw new RelayError('forbidden', '');
      this.#relay = relay;
      this.#who = who;
      sessionStorage.setItem(STORED_AS, token);
      return true;
    } catch (thrown) {
      this.problem = relayError(thrown);
      // A relay that is away says nothing about the token.
      if (this.problem.code !== 'offline') sessionStorage.removeItem(STORED_AS);
      return false;
    } finally {
      this.busy = false;
    }
  }

  signOut(): void {
    sessionStorage.removeItem(STORED_AS);
    this.#relay = null;
    this.#who = null;
    this.problem = null;
  }

  #refused(): void {
    if (this.#relay === null) return;
    this.signOut();
    this.problem = new RelayError('unauthorized', '');
  }
}
