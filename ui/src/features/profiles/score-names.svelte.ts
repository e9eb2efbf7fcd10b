import { titleOf } from '$features/behavior/titles';
import type { Ipc, ScoreName } from '$lib/ipc';

/** The scores that lists know, and what people call them: those of the active calibrations. */
class ScoreNames {
  all = $state.raw<ScoreName[]>([]);

  async load(ipc: Ipc): Promise<void> {
    try {
      this.all = (await ipc.call('list_scores', {})).scores;
    } catch {
      // Those before stay; what is wrong with the store is told where its rows are asked for.
    }
  }

  /** A score as people call it; the name of its dimension where no calibration says. */
  title(name: string): string {
    const known = this.all.find((one) => one.name === name || one.name.endsWith(`.${name}`));
    return titleOf({ name: name.slice(name.indexOf('.') + 1), title: known?.title });
  }
}

export const scoreNames = new ScoreNames();
