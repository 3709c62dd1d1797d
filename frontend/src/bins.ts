/* Bars for a histogram whose bins differ in width, as the recorder's do: they are fine near zero.
 *
 * A bar's area must stand for its count, so its height is the count for one unit of width. Bins too
 * fine to be seen are joined first.
 */
import type { Histogram } from "./contract";

export interface Bars {
  edges: number[];
  heights: number[];
  /** The exact count of each bar. */
  counts: number[];
  /** The width to which heights refer, or null where all bins are equal and heights are the counts. */
  per: number | null;
}

export function barsOf({ edges, counts }: Histogram, most = 80): Bars {
  const first = edges[0] ?? 0;
  const span = (edges.at(-1) ?? 0) - first;
  const widths = counts.map((_, i) => (edges[i + 1] ?? 0) - (edges[i] ?? 0));
  if (Math.max(...widths) - Math.min(...widths) <= 0.02 * Math.max(...widths)) return { edges, heights: counts, counts, per: null };
  const per = span / most;
  const bars: Bars = { edges: [first], heights: [], counts: [], per };
  let count = 0;
  let start = first;
  counts.forEach((n, i) => {
    count += n;
    const end = edges[i + 1] ?? start;
    if (end - start < per && i < counts.length - 1) return;
    bars.edges.push(end);
    bars.counts.push(count);
    bars.heights.push((count * per) / (end - start));
    [start, count] = [end, 0];
  });
  return bars;
}

/** Histograms of one set of edges added up; those of other edges are left out. */
export function sum(all: Histogram[]): Histogram {
  const [first] = all.filter((one) => one.counts.length > 0);
  if (first === undefined) return { edges: [], counts: [] };
  const edges = first.edges;
  const alike = all.filter((one) => one.edges.length === edges.length && one.edges.every((edge, i) => edge === edges[i]));
  return { edges, counts: first.counts.map((_, i) => alike.reduce((n, one) => n + (one.counts[i] ?? 0), 0)) };
}

/** Without the empty bins that lie below a value. */
export function startingAt({ edges, counts }: Histogram, least: number): Histogram {
  const first = edges.findIndex((edge, i) => edge >= least - 1e-9 || (counts[i] ?? 1) > 0);
  return first <= 0 ? { edges, counts } : { edges: edges.slice(first), counts: counts.slice(first) };
}
