/** How high the rows of tables are, in pixels. */
export const ROW_HEIGHTS = { compact: 24, normal: 28, relaxed: 34 } as const;
export type Density = keyof typeof ROW_HEIGHTS;
export const DENSITIES = Object.keys(ROW_HEIGHTS) as Density[];

const STORED_AS = 'kartei.density';

function stored(): Density {
  const name = localStorage.getItem(STORED_AS);
  return DENSITIES.find((density) => density === name) ?? 'normal';
}

/** How close together rows stand, on this machine. The style sheet knows it as `--row`. */
class DensityState {
  #current = $state<Density>(stored());

  constructor() {
    this.#apply();
  }

  get current(): Density {
    return this.#current;
  }

  get rowHeight(): number {
    return ROW_HEIGHTS[this.#current];
  }

  choose(density: Density): void {
    this.#current = density;
    localStorage.setItem(STORED_AS, density);
    this.#apply();
  }

  #apply(): void {
    document.documentElement.style.setProperty('--row', `${this.rowHeight}px`);
  }
}

export const density = new DensityState();
