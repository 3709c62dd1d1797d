/* Density against score of a whole layer: a point opens its unit.
 *
 * uPlot draws the axes; the points are drawn by hand, since 131,072 squares are quicker than as many
 * paths, and found again through a static index of their places on the screen.
 */
import KDBush from "kdbush";
import { useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { ofUnit } from "../address";
import { percent, percentTick, score } from "../format";
import { go } from "../router";
import type { SiteRows } from "../rows";
import { visible } from "../visible";
import { axis, Plot, type Inks } from "./plot";

const REACH = 10; // CSS pixels

/** What lies where on the screen, in CSS pixels of the plot. */
interface Drawn {
  tree: KDBush;
  places: number[];
  x: Float64Array;
  y: Float64Array;
}

export function Scatter({ rows, height }: { rows: SiteRows; height: number }) {
  const [at, setAt] = useState<number | null>(null);
  const drawn = useRef<Drawn | null>(null);
  const points = pointsOf(rows);
  const pick = (plot: uPlot): number | null => {
    const { left = -1, top = -1 } = plot.cursor;
    if (left < 0 || drawn.current === null) return null;
    return nearest(drawn.current, left, top);
  };
  const options = (inks: Inks): Omit<uPlot.Options, "width" | "height"> => ({
    legend: { show: false },
    padding: [6, 20, 0, 0],
    cursor: { points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: [points.left, points.right] },
      y: { range: [points.bottom, 1.02] },
    },
    axes: [
      axis(inks, { label: "density: share of tokens on which the unit is active", size: 26, space: 60, incrs: [1, 2], values: (_, all) => all.map(percentTick) }),
      axis(inks, { size: 40, space: 28 }),
    ],
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => void (drawn.current = draw(plot, points, inks))],
      setCursor: [(plot) => setAt(pick(plot))],
      ready: [
        (plot) => {
          plot.over.addEventListener("click", () => {
            const place = pick(plot);
            if (place !== null) go(ofUnit(rows.name(place)));
          });
        },
      ],
    },
  });
  const shown =
    at === null
      ? points.places.length === 0 && rows.complete ? "nothing scored" : "a point opens its unit"
      : `${rows.name(at)}  ${score(rows.number("score", at))}  ${percent(rows.number("density", at))}`;
  const said = at === null ? "" : visible(rows.text[at] ?? "");
  return (
    <figure class="figure">
      <figcaption><span>Score against density</span><span class="quiet num">{shown}</span></figcaption>
      <div class={at === null ? "" : "pointing"}>
        <Plot label={`Score against density of ${points.places.length} units of ${rows.site.name}; the table below holds the same numbers`} height={height} version={`${rows.site.name} ${rows.loaded}`} options={options} data={[[points.left, points.right], [null, null]]} testid="scatter" />
      </div>
      <p class="below" title={said}>{said === "" ? " " : said}</p>
    </figure>
  );
}

interface Points {
  places: number[];
  x: number[];
  y: number[];
  left: number;
  right: number;
  bottom: number;
}

function pointsOf(rows: SiteRows): Points {
  const { score: scores, density: densities } = rows.numbers;
  const points: Points = { places: [], x: [], y: [], left: -4, right: 0, bottom: 0 };
  scores.forEach((value, place) => {
    const density = densities[place] ?? NaN;
    if (Number.isNaN(value) || !(density > 0)) return;
    const power = Math.log10(density);
    points.places.push(place);
    points.x.push(power);
    points.y.push(value);
    points.left = Math.min(points.left, Math.floor(power));
    points.bottom = Math.min(points.bottom, value - 0.02);
  });
  return points;
}

function draw(plot: uPlot, points: Points, inks: Inks): Drawn | null {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const n = points.places.length;
  const side = (n > 20_000 ? 1.5 : n > 1500 ? 2.5 : 4) * scale;
  const drawn: Drawn = { tree: new KDBush(Math.max(1, n)), places: points.places, x: new Float64Array(n), y: new Float64Array(n) };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = inks.accent;
  ctx.globalAlpha = n > 1500 ? 0.45 : 0.6;
  points.places.forEach((_, i) => {
    const x = plot.valToPos(points.x[i] ?? 0, "x", true);
    const y = plot.valToPos(points.y[i] ?? 0, "y", true);
    ctx.fillRect(x - side / 2, y - side / 2, side, side);
    drawn.x[i] = (x - bbox.left) / scale;
    drawn.y[i] = (y - bbox.top) / scale;
    drawn.tree.add(drawn.x[i] ?? 0, drawn.y[i] ?? 0);
  });
  ctx.restore();
  if (n === 0) return null;
  drawn.tree.finish();
  return drawn;
}

function nearest({ tree, places, x: xs, y: ys }: Drawn, x: number, y: number): number | null {
  let best: number | null = null;
  let least = Infinity;
  for (const id of tree.within(x, y, REACH)) {
    const distance = ((xs[id] ?? 0) - x) ** 2 + ((ys[id] ?? 0) - y) ** 2;
    if (distance < least) [best, least] = [places[id] ?? null, distance];
  }
  return best;
}
