/** Something to do; `isWanted` says whether nothing newer was asked for meanwhile. */
type Work = (isWanted: () => boolean) => Promise<void>;

/** Does one thing at a time, and of what is asked for meanwhile only the newest. */
export class Newest {
  #asked: Work | null = null;
  #isAtWork = false;

  /** Ends when nothing is left to do, at once where something is being done. */
  async run(work: Work): Promise<void> {
    this.#asked = work;
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    try {
      for (let now: Work | null = work; now !== null; now = this.#asked) {
        const mine: Work = now;
        await mine(() => this.#asked === mine);
        if (this.#asked === mine) this.#asked = null;
      }
    } finally {
      this.#isAtWork = false;
    }
  }

  /** What is being done is no longer wanted, nor what waits. */
  forget(): void {
    this.#asked = null;
  }
}
