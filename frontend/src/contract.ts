/* The site's data as the builder writes it: docs/design/003-the-site.md is the source of these types. */

export type Polarity = 1 | -1;
export type Histogram = { edges: number[]; counts: number[] };

export interface SiteIndex {
  format: 1;
  /** Differs where any other file may: blocks are asked for as data/...?v=build. */
  build: string;
  title: string;
  provenance: [string, string][];
  totals: {
    units: number;
    explained: number;
    explanations: number;
    sequences: number;
    tokens: number | null;
    cost_usd: number | null;
  };
  splits: string[];
  headline: { scorer: string; metric: string; report_set: string } | null;
  blocks: { rows: number; units: number; exemplars: number };
  sites: SiteSummary[];
  search: { shards: number; ignored: string[] };
  map: { points: number; by: string } | null;
  columns: Record<string, string>;
}

export interface SiteSummary {
  name: string;
  kind: string;
  layer: number | null;
  first_row: number;
  count: number;
  polarities: Polarity[];
  units: [number, Polarity][] | null;
  explained: number;
  score: {
    mean: number;
    low: number | null;
    high: number | null;
    random: number | null;
    lookup: number | null;
    n: number;
  } | null;
  score_histogram: Histogram;
  density_histogram: Histogram;
}

export interface Rows {
  unit: number[];
  polarity: Polarity[];
  text: (string | null)[];
  explainer: (string | null)[];
  score: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  random: (number | null)[];
  lookup: (number | null)[];
  density: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
}

export interface UnitBlock {
  units: Unit[];
}

export interface Unit {
  unit: string;
  site: string;
  index: number;
  polarity: Polarity;
  opposite: string | null;
  statistics: Record<string, number | null>;
  quantiles: { levels: number[]; boundaries: number[] };
  histogram: Histogram;
  lookup: [token: string, mean: number, count: number][];
  weights: {
    inputs: [string, number][];
    promoted: [string, number][];
    suppressed: [string, number][];
    reason: string | null;
  } | null;
  neighbours: { explanation: Neighbour[] | null; firing: Neighbour[] | null };
  explanations: Explanation[];
}

export type Neighbour = [unit: string, similarity: number, text: string | null];

export interface Explanation {
  id: string;
  text: string | null;
  status: string;
  reason: string | null;
  explainer: string;
  exemplars: string;
  form: string;
  llm: string;
  candidate: number;
  parent_id: string | null;
  selected: boolean;
  selection_score: number | null;
  created_at: string;
  cost_usd: number | null;
  input_tokens: number;
  output_tokens: number;
  scores: Score[];
}

export interface Score {
  scorer: string;
  simulator: string | null;
  llm: string | null;
  metric: string;
  report_set: string;
  value: number | null;
  low: number | null;
  high: number | null;
  chance: number | null;
  n_sequences: number;
  n_items: number;
  coverage: number;
  random: number | null;
  lookup: number | null;
  mean: number | null;
  reliable: boolean;
  reason: string | null;
}

export interface Sequence {
  tokens: string[];
  split: string;
  document: string;
}

export interface ExemplarBlock {
  sequences: Record<string, Sequence>;
  units: UnitExemplars[];
}

export interface UnitExemplars {
  unit: string;
  step: number;
  largest: number;
  groups: Group[];
  simulations: Simulation[];
}

export interface Group {
  split: string;
  kind: "top" | "random" | "quantile";
  quantile: number | null;
  items: Shown[];
}

export interface Shown {
  s: string;
  v: (number | null)[];
  /** The position of the largest value. */
  peak: number;
}

export interface Simulation {
  explanation: string;
  simulator: string;
  llm: string;
  split: string;
  items: Simulated[];
}

export interface Simulated {
  s: string;
  truth: (number | null)[];
  expected: (number | null)[];
  calibrated: (number | null)[] | null;
  status: string;
  reason: string | null;
}

export interface SearchShard {
  terms: Record<string, number[]>;
}

export interface MapPoints {
  row: number[];
  x: number[];
  y: number[];
  score: (number | null)[];
}
