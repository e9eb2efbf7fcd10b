import { overwriteGetLocale } from '$paraglide/runtime.js';

export { m } from '$paraglide/messages.js';

export const LOCALES = ['en', 'de'] as const;
export type Locale = (typeof LOCALES)[number];

const STORED_AS = 'kartei.locale';

function initialLocale(): Locale {
  const stored = localStorage.getItem(STORED_AS);
  if (stored === 'en' || stored === 'de') return stored;
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en';
}

class LocaleState {
  #current = $state<Locale>('en');

  constructor() {
    this.use(initialLocale());
    // Messages read the locale through this state, so a switch re-renders exactly the texts.
    overwriteGetLocale(() => this.#current);
  }

  get current(): Locale {
    return this.#current;
  }

  /** The tag for Intl: the system's own variant of the language where it speaks it (en-US, de-CH). */
  get tag(): string {
    const own = navigator.language;
    if (own.toLowerCase().startsWith(this.#current)) return own;
    return this.#current === 'de' ? 'de-DE' : 'en-GB';
  }

  choose(locale: Locale): void {
    localStorage.setItem(STORED_AS, locale);
    this.use(locale);
  }

  private use(locale: Locale): void {
    this.#current = locale;
    document.documentElement.lang = locale;
  }
}

export const locale = new LocaleState();
