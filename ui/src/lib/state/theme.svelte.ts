export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORED_AS = 'kartei.theme';

function stored(): Theme {
  const name = localStorage.getItem(STORED_AS);
  return THEMES.find((theme) => theme === name) ?? 'auto';
}

/** Light, dark, or as the system has it. The style sheet sees only the outcome. */
class ThemeState {
  #current = $state<Theme>(stored());
  readonly #system = window.matchMedia('(prefers-color-scheme: dark)');

  constructor() {
    this.#apply();
    this.#system.addEventListener('change', () => this.#apply());
  }

  get current(): Theme {
    return this.#current;
  }

  /** The next of the three, as the button in the status bar steps through them. */
  step(): void {
    this.choose(THEMES[(THEMES.indexOf(this.#current) + 1) % THEMES.length] ?? 'auto');
  }

  choose(theme: Theme): void {
    this.#current = theme;
    localStorage.setItem(STORED_AS, this.#current);
    this.#apply();
  }

  #apply(): void {
    const dark = this.#current === 'auto' ? this.#system.matches : this.#current === 'dark';
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  }
}

export const theme = new ThemeState();
