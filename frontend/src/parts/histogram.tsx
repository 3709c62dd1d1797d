/* Counts between edges, with marks; linear or logarithmic counts. */
import { useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import { barsOf, type Bars } from "../bins";
import type { Histogram as Counts } from "../contract";
import { count, measure } from "../format";
import { axis, Plot, type Inks } from "./plot";

interface Props {
  title: string;
  counts: Counts;
  /** What is counted, in the plural. */
  of: string;
  xLabel: string;
  format(edge: number): string;
  logarithmic?: boolean;
  marks?: { at: number; label: string }[];
  height?: number;
  testid: string;
  ticks?: (value: number) => string;
  /** What else is to be known of it, in a line below. */
  note?: string;
}

export function Histogram({ title, counts, of, xLabel, format, logarithmic = false, marks = [], height = 190, testid, ticks, note }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const bars = useMemo(() => barsOf(counts), [counts]);
  const { edges, counts: n, heights, per } = bars;
  const total = n.reduce((sum, one) => sum + one, 0);
  if (edges.length < 2 || total === 0) {
    return <figure class="figure"><figcaption>{title}</figcaption><div class="plot empty" style={{ height: `${height + 20}px` }}>nothing to count</div></figure>;
  }
  const middles = n.map((_, i) => ((edges[i] ?? 0) + (edges[i + 1] ?? 0)) / 2);
  const options = (inks: Inks): Omit<uPlot.Options, "width" | "height"> => ({
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [marks.length > 0 ? 14 : 6, 20, 0, 0],
    scales: {
      x: { time: false, range: [edges[0] ?? 0, edges.at(-1) ?? 1] },
      y: logarithmic ? { distr: 3, range: (_, _low, high) => [0.7, Math.max(10, high * 2)] } : { range: (_, _low, high) => [0, high * 1.08] },
    },
    axes: [
      axis(inks, { label: xLabel, size: 26, grid: { show: false }, space: 48, ...(ticks === undefined ? {} : { values: (_, all) => all.map(ticks) }) }),
      axis(inks, { size: 44, space: 24, ...(logarithmic ? { grid: { stroke: inks.line, width: 1, filter: powers }, ticks: { stroke: inks.line, width: 1, size: 4, filter: powers } } : {}), ...(per === null ? {} : { label: `${of} per ${measure(per, 2)}`, size: 40 }), values: (_, all) => all.map((value) => (value === null ? "" : brief(value))) }),
    ],
    series: [{}, { stroke: inks.bar, fill: inks.bar, width: 0, points: { show: false }, paths: drawBars(edges) }],
    hooks: {
      draw: [(plot) => drawMarks(plot, marks, inks)],
      setCursor: [
        (plot) => {
          const left = plot.cursor.left ?? -1;
          const value = left < 0 ? null : plot.posToVal(left, "x");
          const bin = value === null ? -1 : edges.findIndex((edge, i) => i < n.length && value >= edge && value <= (edges[i + 1] ?? edge));
          setAt(bin < 0 ? null : bin);
        },
      ],
    },
  });
  const shown = at === null ? `${count(total)} ${of}` : `${format(edges[at] ?? 0)} to ${format(edges[at + 1] ?? 0)}: ${count(n[at] ?? 0)} ${of}`;
  return (
    <figure class="figure">
      <figcaption><span>{title}</span><span class="quiet num">{shown}</span></figcaption>
      <Plot label={`${title}: ${count(total)} ${of} from ${format(edges[0] ?? 0)} to ${format(edges.at(-1) ?? 0)}, most between ${mode(bars, format)}`} height={height} version={JSON.stringify([counts, marks, logarithmic])} options={options} data={[middles, heights.map((one) => (logarithmic && one === 0 ? null : one))]} testid={testid} />
      {note === undefined ? null : <p class="note">{note}</p>}
    </figure>
  );
}

function mode({ edges, heights }: Bars, format: (edge: number) => string): string {
  const top = heights.indexOf(Math.max(...heights));
  return `${format(edges[top] ?? 0)} and ${format(edges[top + 1] ?? 0)}`;
}

/** Of the lines of a logarithmic axis only those at powers of ten. */
function powers(_: uPlot, values: number[]): (number | null)[] {
  return values.map((value) => (Number.isInteger(Math.log10(value)) ? value : null));
}

function drawBars(edges: number[]): uPlot.Series.PathBuilder {
  return (plot, series) => {
    const fill = new Path2D();
    const floor = plot.bbox.top + plot.bbox.height;
    const values = plot.data[series] ?? [];
    values.forEach((value, i) => {
      if (value === null || value === undefined || value <= 0) return;
      const left = plot.valToPos(edges[i] ?? 0, "x", true);
      const right = plot.valToPos(edges[i + 1] ?? 0, "x", true);
      const top = plot.valToPos(value, "y", true);
      const gap = right - left > 5 ? 1 : 0;
      fill.rect(left + gap / 2, top, Math.max(1, right - left - gap), floor - top);
    });
    return { fill, stroke: null, clip: null, flags: 1 };
  };
}

function drawMarks(plot: uPlot, marks: { at: number; label: string }[], inks: Inks): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  let free = -Infinity;
  ctx.save();
  ctx.strokeStyle = inks.text;
  ctx.fillStyle = inks.text;
  ctx.lineWidth = scale;
  ctx.font = `${10 * scale}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textAlign = "center";
  for (const { at, label } of marks) {
    const x = Math.round(plot.valToPos(at, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.globalAlpha = 0.55;
    ctx.setLineDash([3 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 0.9;
    const half = ctx.measureText(label).width / 2;
    // A label that would lie on the one before it is left out; its line is still drawn.
    if (x - half > free) {
      ctx.fillText(label, Math.min(x, bbox.left + bbox.width - half), bbox.top - 3 * scale);
      free = x + half + 3 * scale;
    }
  }
  ctx.restore();
}

/** Counts on an axis: 1.2k, 3M. */
function brief(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
