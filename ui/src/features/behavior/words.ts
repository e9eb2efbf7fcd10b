import type { Meaning } from '$lib/components/Shape.svelte';
import { m } from '$lib/i18n.svelte';
import type {
  BehaviorSchema,
  CalibrationDetail,
  CalibrationRun,
  CalibrationStage,
  Gate,
} from '$lib/ipc';
import { formatCount, formatRough, formatShare } from '$lib/format';
import { titleOf } from './titles';

export const STAGES: Record<CalibrationStage, { meaning: Meaning; text: () => string }> = {
  draft: { meaning: 'pending', text: m.calibration_stage_draft },
  active: { meaning: 'done', text: m.calibration_stage_active },
  retired: { meaning: 'none', text: m.calibration_stage_retired },
};

const STEPS: Record<CalibrationRun['step'], () => string> = {
  moment: m.calibration_step_moment,
  numbers: m.calibration_step_numbers,
  spread: m.calibration_step_spread,
  scores: m.calibration_step_scores,
  moves: m.calibration_step_moves,
};

/** What a run does, and how far it is in that. */
export function stepText(run: CalibrationRun): string {
  return m.calibration_run_step({
    step: STEPS[run.step](),
    n: formatCount(run.profiles),
    total: formatCount(run.profiles_total),
  });
}

const GATES: Record<Gate['kind'], () => string> = {
  people: m.calibration_gate_people,
  alpha: m.calibration_gate_alpha,
  holdout: m.calibration_gate_holdout,
  separation: m.calibration_gate_separation,
  stability: m.calibration_gate_stability,
  moves: m.calibration_gate_moves,
};

export const gateName = (gate: Gate): string => GATES[gate.kind]();

export function gateMeaning(gate: Gate): Meaning {
  if (!gate.passes) return 'rejected';
  return gate.worst == null ? 'none' : 'done';
}

/** Whether it passes, and what does not. */
export function gateText(gate: Gate, detail: CalibrationDetail): string {
  if (!gate.passes) {
    const all = [...detail.dimensions, ...detail.signals];
    const title = (name: string) => titleOf(all.find((one) => one.name === name) ?? { name });
    return m.calibration_gate_not({ names: gate.failing.map(title).join(', ') });
  }
  return gate.worst == null ? m.calibration_gate_nothing() : m.calibration_gate_fine();
}

/** The worst that a gate saw beside its limit; nothing where that is no number to compare. */
export function gateNumbers(gate: Gate): string {
  if (gate.worst == null || gate.kind === 'separation') return '';
  const format = gate.kind === 'moves' ? formatShare : formatRough;
  return m.calibration_gate_worst({ worst: format(gate.worst), limit: format(gate.limit) });
}

const ACTS: Record<string, () => string> = {
  fitted: m.calibration_act_fitted,
  activated: m.calibration_act_activated,
  retired: m.calibration_act_retired,
  rolled_back: m.calibration_act_rolled_back,
  deleted: m.calibration_act_deleted,
};

export const actText = (act: string): string => ACTS[act]?.() ?? act;

/** `25 signals, 5 traits`. */
export function schemaSize({ signals, dimensions }: BehaviorSchema): string {
  return [
    m.calibration_signal_count({ count: signals, n: formatCount(signals) }),
    m.calibration_trait_count({ count: dimensions, n: formatCount(dimensions) }),
  ].join(', ');
}

/** As much of a version as tells it apart. */
export const shortVersion = (version: string): string => version.slice(0, 8);
