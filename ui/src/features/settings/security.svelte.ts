import { problemOf, type Ipc, type Problem, type SavedFile, type Security } from '$lib/ipc';

/** How secrets are kept on this computer. */
export class SecurityState {
  /** Null until the host has answered for the first time. */
  current = $state.raw<Security | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  /** What went wrong with encrypting; it is told in another place than the token's problem. */
  encryptionProblem = $state.raw<Problem | null>(null);
  /** Shown while a dialog asks for it, and nowhere kept after that. */
  recoveryKey = $state.raw<string | null>(null);
  /** The file that the recovery key was saved in. */
  saved = $state.raw<SavedFile | null>(null);
  /** Which way the database is being written anew. */
  rewriting = $state<'encrypt' | 'decrypt' | null>(null);
  /** How much of it, from 0 to 1. */
  progress = $state<number | null>(null);

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

  /** Asks for the recovery key: of the encrypted database, or of the one that it will be. */
  async showRecoveryKey(): Promise<void> {
    this.saved = null;
    await this.#try(async () => {
      this.recoveryKey = (await this.#ipc.call('recovery_key', {})).key;
    });
  }

  saveRecoveryKey(): Promise<boolean> {
    return this.#try(async () => {
      this.saved = await this.#ipc.call('save_recovery_key', {});
    });
  }

  hideRecoveryKey(): void {
    this.recoveryKey = null;
  }

  /** Encrypts the database or writes it plain again; answers whether that was done. */
  async encrypt(encrypted: boolean): Promise<boolean> {
    if (this.rewriting !== null) return false;
    this.rewriting = encrypted ? 'encrypt' : 'decrypt';
    this.progress = null;
    try {
      return await this.#try(async () => {
        this.current = await this.#ipc.call('encrypt_store', { encrypted });
      });
    } finally {
      this.rewriting = null;
    }
  }

  /** Takes what the host tells of writing anew. */
  take(done: number, total: number): void {
    this.progress = total === 0 ? null : done / total;
  }

  async #try(work: () => Promise<void>): Promise<boolean> {
    this.encryptionProblem = null;
    try {
      await work();
      return true;
    } catch (thrown) {
      this.encryptionProblem = problemOf(thrown);
      return false;
    }
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
