import { m } from '$lib/i18n.svelte';

/** An analysis that can be asked for. */
export interface Kind {
  name: string;
  title: () => string;
  text: () => string;
  /** It is made of scores, so of an active calibration. */
  scored: boolean;
}

export const KINDS: Kind[] = [
  { name: 'quality', title: m.analysis_quality, text: m.analysis_quality_text, scored: false },
  {
    name: 'distribution',
    title: m.analysis_distribution,
    text: m.analysis_distribution_text,
    scored: true,
  },
  { name: 'compare', title: m.analysis_compare, text: m.analysis_compare_text, scored: false },
  { name: 'segments', title: m.analysis_segments, text: m.analysis_segments_text, scored: true },
  { name: 'map', title: m.analysis_map, text: m.analysis_map_text, scored: true },
  { name: 'similar', title: m.analysis_similar, text: m.analysis_similar_text, scored: true },
  { name: 'outliers', title: m.analysis_outliers, text: m.analysis_outliers_text, scored: true },
  { name: 'drift', title: m.analysis_drift, text: m.analysis_drift_text, scored: true },
  {
    name: 'duplicates',
    title: m.analysis_duplicates,
    text: m.analysis_duplicates_text,
    scored: false,
  },
];

export const kindOf = (name: string): Kind | undefined => KINDS.find((kind) => kind.name === name);
