import { begin, cameBack, type OidcSignIn, type OidcWay } from './oidc';
import { endSignIn, Relay, RelayError, relayError, signInWays, type WhoAmI } from './relay';

/** Ends with the tab: a token that opens everything is not left on a computer. */
const STORED_AS = 'kartei.admin.token';

/** Who is signed in. The token is checked before anything is shown. */
export class Session {
  #relay = $state.raw<Relay | null>(null);
  #who = $state.raw<WhoAmI | null>(null);
  /** Why nobody is signed in, where that is not by choice. */
  problem = $state.raw<RelayError | null>(null);
  busy = $state(false);

  /** Where one can sign in without a token; null where that is not offered or not known yet. */
  #way = $state.raw<OidcWay | null>(null);

  constructor(private readonly base: URL) {
    const stored = sessionStorage.getItem(STORED_AS);
    try {
      const wish = cameBack();
      if (wish !== null) void this.#end(wish);
      else if (stored !== null) void this.signIn(stored);
    } catch (thrown) {
      this.problem = relayError(thrown);
    }
  }

  get way(): OidcWay | null {
    return this.#way;
  }

  /** Asks which ways there are. One who has a token needs no other, so a failure is not told. */
  async findWay(): Promise<void> {
    try {
      this.#way = (await signInWays(this.base)).oidc ?? null;
    } catch {
      this.#way = null;
    }
  }

  /** Answers where the provider asks who somebody is. */
  async begin(way: OidcWay): Promise<string | null> {
    this.problem = null;
    try {
      return await begin(way, new URL(location.href), location.hash);
    } catch (thrown) {
      this.problem = relayError(thrown);
      // It may be back, and the relay knows the way then.
      void this.findWay();
      return null;
    }
  }

  async #end(wish: OidcSignIn): Promise<void> {
    this.busy = true;
    try {
      await this.signIn(await endSignIn(this.base, wish));
    } catch (thrown) {
      const error = relayError(thrown);
      const isNoAdministrator = error.code === 'forbidden';
      this.problem = isNoAdministrator ? new RelayError('not_administrator', error.message) : error;
    } finally {
      this.busy = false;
    }
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
