import { problemOf, type Ipc, type LogLevel, type LogPage, type Problem } from '$lib/ipc';

export const LEVELS = ['info', 'warn', 'error'] as const satisfies readonly LogLevel[];

/** Long enough for the next letter of a word, short enough to feel immediate. */
export const TYPING_PAUSE_MS = 120;
/** More than anybody reads; what is meant is found by searching. */
const LIMIT = 500;

/** The program's log, as much of it as is asked for. */
export class Log {
  level = $state<LogLevel>('info');
  search = $state('');
  page = $state.raw<LogPage | null>(null);
  problem = $state.raw<Problem | null>(null);

  readonly #ipc: Ipc;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  async load(): Promise<void> {
    clearTimeout(this.#pause);
    const asked = (this.#asked += 1);
    const { level, search } = this;
    try {
      const page = await this.#ipc.call('read_log', { level, search, limit: LIMIT });
      if (asked !== this.#asked) return;
      this.page = page;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }

  typed(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => void this.load(), TYPING_PAUSE_MS);
  }

  show(level: LogLevel): void {
    this.level = level;
    void this.load();
  }

  /** What is shown, an entry a line, as the log's file has it. */
  get text(): string {
    return (this.page?.entries ?? []).map((entry) => JSON.stringify(entry)).join('\n');
  }
}
