/**
 * The text in a field while a person edits it. It shows the stored text until something is typed,
 * and lets go of what was typed only once it is stored: a refused edit never costs anyone's words.
 */
export class Draft {
  #typed = $state<string | null>(null);
  /** The text that is on its way: Enter and the blur after it must not send it twice. */
  #sent: string | null = null;
  readonly #stored: () => string;
  readonly #save: (text: string) => Promise<boolean>;

  constructor(stored: () => string, save: (text: string) => Promise<boolean>) {
    this.#stored = stored;
    this.#save = save;
  }

  get text(): string {
    return this.#typed ?? this.#stored();
  }

  set text(typed: string) {
    this.#typed = typed;
  }

  /** Whether something is typed that is not stored. */
  get isOpen(): boolean {
    return this.#typed !== null;
  }

  drop(): void {
    this.#typed = null;
  }

  async commit(): Promise<void> {
    const typed = this.#typed;
    if (typed === null || typed === this.#sent) return;
    if (typed === this.#stored()) {
      this.drop();
      return;
    }
    this.#sent = typed;
    const saved = await this.#save(typed);
    this.#sent = null;
    if (saved && this.#typed === typed) this.drop();
  }
}
