/* Small graphics that stand in table cells: an interval with its baselines, a histogram without axes. */
import type { Histogram } from "../contract";
import { score as written } from "../format";

interface IntervalProps {
  value: number | null;
  low: number | null;
  high: number | null;
  /** The ends of the drawn line. */
  from: number;
  to?: number;
  random?: number | null;
  lookup?: number | null;
  mean?: number | null;
  chance?: number | null;
}

/** A score as a dot, its interval as a bar; a ring for the random explanation, a square for look-up. */
export function Interval({ value, low, high, from, to = 1, random = null, lookup = null, mean = null, chance = null }: IntervalProps) {
  const at = (x: number) => `${(100 * (Math.min(to, Math.max(from, x)) - from)) / (to - from)}%`;
  const spoken = [
    `score ${written(value)}`,
    low !== null && high !== null ? `95% interval ${written(low)} to ${written(high)}` : "",
    random !== null ? `random explanation ${written(random)}` : "",
    lookup !== null ? `token look-up ${written(lookup)}` : "",
    mean !== null ? `mean ${written(mean)}` : "",
    chance !== null ? `chance ${written(chance)}` : "",
  ].filter((part) => part !== "").join(", ");
  return (
    <svg class="interval" height="18" role="img" aria-label={spoken}>
      <title>{spoken}</title>
      <line class="rail" x1="0" x2="100%" y1="9" y2="9" />
      {from < 0 ? <line class="zero" x1={at(0)} x2={at(0)} y1="4" y2="14" /> : null}
      {chance === null ? null : <line class="chance" x1={at(chance)} x2={at(chance)} y1="1" y2="17" />}
      {low === null || high === null ? null : <line class="whisker" x1={at(low)} x2={at(high)} y1="9" y2="9" />}
      {mean === null ? null : <line class="mean" x1={at(mean)} x2={at(mean)} y1="4" y2="14" />}
      {random === null ? null : <circle class="random" cx={at(random)} cy="9" r="3.5" />}
      {lookup === null ? null : <rect class="lookup" x={at(lookup)} y="5.5" width="7" height="7" transform="translate(-3.5)" />}
      {value === null ? null : <circle class="value" cx={at(value)} cy="9" r="4.5" />}
    </svg>
  );
}

export function IntervalLegend({ mean = false, chance = false }: { mean?: boolean; chance?: boolean }) {
  return (
    <p class="legend" aria-hidden="true">
      <span><svg width="22" height="12"><line class="whisker" x1="1" x2="21" y1="6" y2="6" /><circle class="value" cx="11" cy="6" r="4" /></svg>score, 95% interval</span>
      <span><svg width="12" height="12"><circle class="random" cx="6" cy="6" r="3.5" /></svg>random explanation</span>
      <span><svg width="12" height="12"><rect class="lookup" x="2.5" y="2.5" width="7" height="7" /></svg>token look-up</span>
      {mean ? <span><svg width="6" height="12"><line class="mean" x1="3" x2="3" y1="1" y2="11" /></svg>mean</span> : null}
      {chance ? <span><svg width="6" height="12"><line class="chance" x1="3" x2="3" y1="0" y2="12" /></svg>chance</span> : null}
    </p>
  );
}

/** The shape of a distribution, for comparison down a column. */
export function Spark({ counts, label }: { counts: Histogram; label: string }) {
  const most = Math.max(1, ...counts.counts);
  const n = Math.max(1, counts.counts.length);
  return (
    <svg class="spark" viewBox={`0 0 ${n} 1`} preserveAspectRatio="none" role="img" aria-label={label}>
      {counts.counts.map((one, i) => (one === 0 ? null : <rect key={i} x={i} y={1 - one / most} width="1.04" height={one / most} />))}
    </svg>
  );
}

/** Where the line of scores begins: at 0, or lower where something lies below. */
export function floorOf(values: (number | null | undefined)[]): number {
  const least = Math.min(0, ...values.filter((value): value is number => typeof value === "number"));
  return Math.max(-1, Math.floor(least * 5) / 5);
}
