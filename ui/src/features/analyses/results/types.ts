import { locale } from '$lib/i18n.svelte';

// What the analyses come to, as docs/analyses.md says it. A report may be of another version than
// this window: nothing is relied on but the analysis's name.

type Maybe<T> = T | null;

/** A sentence about the result, in both languages; names in it stand in backticks. */
export interface Finding {
  code?: string;
  about?: Maybe<string>;
  count?: number;
  en?: string;
  de?: string;
}

export interface Calibration {
  version?: string;
  schema?: string;
  schema_version?: number;
  profiles?: number;
  titles?: Record<string, { en?: string; de?: string }>;
}

/** A share; while only a part was looked at, with the bounds of the share of all. */
export interface Share {
  count?: number;
  share?: Maybe<number>;
  low?: Maybe<number>;
  high?: Maybe<number>;
}

/** A size with the bounds that hold 95 %. */
export interface Estimate {
  value?: Maybe<number>;
  low?: Maybe<number>;
  high?: Maybe<number>;
}

/** An uploaded file whose records were looked at instead of the profiles. */
export interface Dataset {
  name: string;
  records: number;
  rejected: number;
  erased: number;
}

export interface ResultBase {
  analysis: string;
  engine?: number;
  done?: number;
  total?: number;
  partial?: boolean;
  calibration?: Calibration | null;
  input?: {
    revision?: number;
    epoch?: string;
    filter?: Maybe<string>;
    filter_a?: Maybe<string>;
    filter_b?: Maybe<string>;
    as_of?: number;
    dataset?: Dataset;
  };
  params?: Record<string, unknown>;
  findings?: Finding[];
}

export interface DistributionResult extends ResultBase {
  dimensions?: SpreadOf[];
  bins?: Bin[];
  without_scores?: number;
}
export interface SpreadOf {
  dimension?: string;
  people?: number;
  missing?: number;
  uncertain?: number;
  mean?: Maybe<number>;
  mean_low?: Maybe<number>;
  mean_high?: Maybe<number>;
  deviation?: Maybe<number>;
  p10?: Maybe<number>;
  p25?: Maybe<number>;
  p50?: Maybe<number>;
  p75?: Maybe<number>;
  p90?: Maybe<number>;
  bands?: { low?: Share; middle?: Share; high?: Share };
}
export interface Bin {
  dimension?: string;
  from?: number;
  to?: number;
  people?: number;
}

export interface CompareResult extends ResultBase {
  a?: number;
  b?: number;
  neither?: number;
  compared?: number;
  variables?: Variable[];
}
export interface SideOf {
  n?: number;
  mean?: Maybe<number>;
  median?: Maybe<number>;
  deviation?: Maybe<number>;
}
export interface Variable {
  kind?: string;
  name?: string;
  /** `compared`, or why that was not possible. */
  code?: string;
  a?: SideOf;
  b?: SideOf;
  hedges_g?: Maybe<Estimate>;
  cliffs_delta?: Maybe<Estimate>;
  adjusted?: Maybe<{ p?: Maybe<number>; of?: string }>;
}

export interface SegmentsResult extends ResultBase {
  k?: number;
  silhouette?: Maybe<number>;
  segments?: SegmentOf[];
  profile?: SegmentScore[];
  points?: Point[];
}
export interface SegmentOf {
  segment?: number;
  people?: number;
  share?: Maybe<number>;
  low?: Maybe<number>;
  high?: Maybe<number>;
}
export interface SegmentScore {
  segment?: number;
  dimension?: string;
  mean?: Maybe<number>;
  rest?: Maybe<number>;
  g?: Maybe<number>;
  g_low?: Maybe<number>;
  g_high?: Maybe<number>;
}
export interface Point {
  id?: string;
  x?: number;
  y?: number;
  segment?: number;
}

export interface MapResult extends ResultBase {
  components?: Component[];
  weights?: Weight[];
  points?: Point[];
}
export interface Component {
  component?: number;
  share?: Maybe<number>;
  share_low?: Maybe<number>;
  share_high?: Maybe<number>;
}
export interface Weight {
  component?: number;
  dimension?: string;
  weight?: number;
}

export interface OutliersResult extends ResultBase {
  limit?: Maybe<number>;
  /** The share that lies beyond the limit if nothing is the matter. */
  expected?: number;
  beyond?: Share;
  outliers?: Outlier[];
}
export interface Outlier {
  id?: string;
  distance?: number;
  /** The dimension that is farthest out, its score and how far out that is. */
  dimension?: Maybe<string>;
  score?: Maybe<number>;
  z?: Maybe<number>;
}

export interface SimilarResult extends ResultBase {
  /** Whom they are similar to. */
  id?: string;
  compared?: number;
  median_distance?: Maybe<number>;
  about?: { dimension?: string; score?: number; confidence?: number }[];
  similar?: Near[];
  scores?: ScoreOfNear[];
}
export interface Near {
  id?: string;
  distance?: number;
  nearer_than?: number;
  alike?: Maybe<string>;
  apart?: Maybe<string>;
  apart_by?: Maybe<number>;
}
export interface ScoreOfNear {
  id?: string;
  dimension?: string;
  score?: number;
  difference?: number;
  part?: number;
}

export interface DriftResult extends ResultBase {
  /** Both moments, in milliseconds since 1970. */
  from?: number;
  to?: number;
  /** The version of the calibration that it is held against, in the place of an earlier moment. */
  against?: Maybe<string>;
  people_from?: number;
  people_to?: number;
  dimensions?: Moved[];
  bins?: DriftBin[];
}
export interface Moved {
  dimension?: string;
  people_from?: number;
  people_to?: number;
  both?: number;
  mean_from?: Maybe<number>;
  mean_to?: Maybe<number>;
  change?: Maybe<number>;
  change_low?: Maybe<number>;
  change_high?: Maybe<number>;
  psi?: Maybe<number>;
}
export interface DriftBin {
  dimension?: string;
  from?: number;
  to?: number;
  before?: number;
  after?: number;
}

export interface DuplicatesResult extends ResultBase {
  looked_at?: number;
  compared?: Maybe<number>;
  found?: Maybe<number>;
  groups?: Maybe<number>;
  pairs?: Pair[];
}
export interface Pair {
  id?: string;
  name?: Maybe<string>;
  other_id?: string;
  other_name?: Maybe<string>;
  weight?: number;
  probability?: number;
  names?: Maybe<number>;
  observations?: Maybe<number>;
  attributes?: Maybe<{ equal?: number; both?: number }>;
}

/** A report that has the name of its analysis; null of anything else. */
export function resultOf(report: unknown): ResultBase | null {
  if (typeof report !== 'object' || report === null || Array.isArray(report)) return null;
  return 'analysis' in report && typeof report.analysis === 'string'
    ? (report as ResultBase)
    : null;
}

/** The rows of a list of objects; none where there is no list. */
export function rowsOf<T extends object>(list: readonly T[] | null | undefined): T[] {
  if (!Array.isArray(list)) return [];
  return list.filter((row): row is T => typeof row === 'object' && row !== null);
}

/** A number that can be drawn, or null. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A number that can be drawn; nought of anything else. */
export const numberOr0 = (value: unknown): number => numberOf(value) ?? 0;

/** What a dimension is called for people; its own name where it has no other. */
export function titleOf(report: ResultBase, dimension: string): string {
  return report.calibration?.titles?.[dimension]?.[locale.current] ?? dimension;
}

/** The dimensions that rows are about, in their order. */
export function dimensionsOf(rows: { dimension?: Maybe<string> }[]): string[] {
  return [...new Set(rows.flatMap(({ dimension }) => (dimension == null ? [] : [dimension])))];
}

export { tablesOf, type Cell, type Table } from './tables';
