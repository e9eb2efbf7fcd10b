import { rebase } from '$lib/text-merge';

/** Long enough to be a pause between words, short enough that others see a sentence grow. */
export const SAVE_PAUSE_MS = 800;

/**
 * A text that several people write at once. What is typed is kept on top of the stored text it was
 * typed on; when others store something, both are merged by character and the cursor is told where
 * it went. Stored after a pause; the host merges again, by the text that it was typed on.
 */
export class TextDraft {
  text = $state('');
  /** The stored text that `text` was typed on. */
  #base = $state('');
  #sending = $state(false);
  /** Something came, or was typed, while the text was on its way. */
  #again = false;
  #pause: ReturnType<typeof setTimeout> | undefined;
  readonly #stored: () => string;
  readonly #save: (base: string, text: string) => Promise<boolean>;

  constructor(stored: () => string, save: (base: string, text: string) => Promise<boolean>) {
    this.#stored = stored;
    this.#save = save;
    this.text = this.#base = stored();
  }

  get base(): string {
    return this.#base;
  }

  /** Whether something is typed that is not stored. */
  get isOpen(): boolean {
    return this.text !== this.#base;
  }

  /** Whether a text is on its way: the stored one may hold it already, or not. */
  get isSending(): boolean {
    return this.#sending;
  }

  /** The field holds this now. */
  type(text: string): void {
    this.text = text;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => void this.commit(), SAVE_PAUSE_MS);
  }

  /**
   * Takes over what is stored now. Answers where places in the field went, or null where nothing
   * changed, or while a text is on its way.
   */
  take(places: number[]): number[] | null {
    if (this.#sending) return null;
    const stored = this.#stored();
    if (stored === this.#base) return null;
    const rebased = rebase(this.#base, this.text, stored, places);
    this.#base = stored;
    this.text = rebased.text;
    return rebased.places;
  }

  /** Lets go of what was typed. */
  drop(): void {
    clearTimeout(this.#pause);
    this.text = this.#base;
  }

  async commit(): Promise<void> {
    clearTimeout(this.#pause);
    if (this.#sending) {
      this.#again = true;
      return;
    }
    const sent = this.text;
    if (sent === this.#base) return;
    this.#sending = true;
    this.#again = false;
    const saved = await this.#save(this.#base, sent);
    this.#sending = false;
    // What was sent is in what is stored now: the rest was typed on it.
    if (saved) this.#base = sent;
    if (saved && this.#again) await this.commit();
  }
}
