/* The canvas of the map: moved and zoomed by d3-zoom, drawn pixel by pixel, asked through a k-d tree. */
import { select } from "d3-selection";
import { zoom, zoomIdentity, type D3ZoomEvent, type ZoomBehavior } from "d3-zoom";
import KDBush from "kdbush";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ofUnit } from "../address";
import type { MapPoints, SiteIndex } from "../contract";
import { score } from "../format";
import { useWidth } from "../hooks";
import { cssOf, ordered, paint, shuffled, type View } from "../pixels";
import { placeOfRow } from "../place";
import { go } from "../router";
import { rowsOf } from "../rows";
import { visible } from "../visible";

const EXTENT = 65_536; // the layout's coordinates run from 0 to 65535
const REACH = 9; // CSS pixels
const REACH_TOUCH = 20;
const MOST_DISCS = 6000; // more are drawn as squares
const MOST_ZOOM = 400;
const WAIT_MS = 90; // before the text of a point under a moving pointer is fetched

interface Props {
  index: SiteIndex;
  points: MapPoints;
  colours: Uint32Array;
}

interface Hovered {
  unit: string;
  score: number | null;
  text: string;
  x: number;
  y: number;
}

export function Cloud({ index, points, colours }: Props) {
  const { element, width } = useWidth<HTMLDivElement>();
  const height = Math.max(320, Math.min(innerHeight - 190, Math.max(width, 520)));
  const canvas = useRef<HTMLCanvasElement>(null);
  const behaviour = useRef<ZoomBehavior<HTMLCanvasElement, unknown> | null>(null);
  const transform = useRef(zoomIdentity);
  const [hovered, setHovered] = useState<Hovered | null>(null);
  const order = useMemo(() => shuffled(points.row.length), [points]);
  const [xs, ys] = useMemo(() => [ordered(order, points.x), ordered(order, points.y)] as const, [order]);
  const inOrder = useMemo(() => Uint32Array.from(order, (i) => colours[i] ?? 0), [order, colours]);
  const tree = useMemo(() => treeOf(points), [points]);
  // Handlers that outlive a drawing read the colours of the latest one.
  const latest = useRef({ colours, inOrder });
  latest.current = { colours, inOrder };
  const hover = useRef(-1);
  const size = Math.min(width, height) / EXTENT; // CSS pixels for one unit of the layout, not zoomed
  const margin = { x: (width - Math.min(width, height)) / 2, y: (height - Math.min(width, height)) / 2 };

  const draw = () => {
    const context = canvas.current?.getContext("2d");
    if (context == null || width === 0) return;
    const ratio = devicePixelRatio;
    const { x, y, k } = transform.current;
    const side = Math.max(1, Math.round(sideOf(points.row.length, k) * ratio));
    const view = { x: (x + margin.x * k) * ratio, y: (y + margin.y * k) * ratio, k: size * k * ratio, width: Math.round(width * ratio), height: Math.round(height * ratio), side };
    const few = tree === null ? [] : fewOf(tree, points.row.length, view, k);
    if (few !== null) discs(context, view, few, points, latest.current.colours);
    else {
      const image = context.createImageData(view.width, view.height);
      paint(new Uint32Array(image.data.buffer), view, xs, ys, latest.current.inOrder);
      context.putImageData(image, 0, 0);
    }
    if (hover.current >= 0) ring(context, view.x + (points.x[hover.current] ?? 0) * view.k, view.y + (points.y[hover.current] ?? 0) * view.k, side);
  };

  useEffect(() => {
    if (canvas.current === null || width === 0) return;
    let frame = 0;
    const made = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([0.8, MOST_ZOOM])
      .translateExtent([[-width / 2, -height / 2], [1.5 * width, 1.5 * height]])
      .extent([[0, 0], [width, height]])
      .clickDistance(4)
      .tapDistance(0) // two quick touches open a point, so they can't zoom
      .on("zoom", (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
        transform.current = event.transform;
        setHovered(null);
        hover.current = -1;
        cancelAnimationFrame(frame);
        frame = requestAnimationFrame(draw);
      });
    behaviour.current = made;
    select(canvas.current).call(made);
    draw();
    return () => {
      cancelAnimationFrame(frame);
      if (canvas.current !== null) select(canvas.current).on(".zoom", null);
    };
  }, [width, height, points]);
  useEffect(draw, [colours]);

  const touching = useRef(false); // events of clicks don't say so in every browser
  const waiting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(waiting.current), []);
  /** The point next to a pointer, or -1. */
  const pointAt = (event: MouseEvent): number => {
    const { x, y, k } = transform.current;
    const left = ((event.offsetX - x) / k - margin.x) / size;
    const top = ((event.offsetY - y) / k - margin.y) / size;
    return nearest(tree, points, left, top, (touching.current ? REACH_TOUCH : REACH) / (k * size));
  };
  const describe = (at: number, event: MouseEvent) => {
    clearTimeout(waiting.current);
    if (at === hover.current) return;
    hover.current = at;
    requestAnimationFrame(draw);
    const place = at < 0 ? null : placeOfRow(index.sites, points.row[at] ?? 0);
    if (place === null) return setHovered(null);
    const rows = rowsOf(index, place.folder);
    const shown = { unit: rows.name(place.place), score: points.score[at] ?? null, text: rows.text[place.place] ?? "", x: event.offsetX, y: event.offsetY };
    setHovered(shown);
    if (rows.has(place.place)) return;
    waiting.current = setTimeout(() => {
      const still = () => hover.current === at && setHovered({ ...shown, text: rows.text[place.place] ?? "" });
      rows.loadAt(place.place).then(still, () => undefined); // the unit's own page tells what fails
    }, WAIT_MS);
  };
  const open = (event: MouseEvent) => {
    const at = pointAt(event);
    // A finger does not hover: its first touch of a point shows it, the second opens it.
    if (touching.current && at !== hover.current) return describe(at, event);
    const place = placeOfRow(index.sites, points.row[at] ?? -1);
    if (place !== null) go(ofUnit(rowsOf(index, place.folder).name(place.place)));
  };
  const by = (factor: number) => {
    if (canvas.current !== null && behaviour.current !== null) behaviour.current.scaleBy(select(canvas.current), factor);
  };
  const reset = () => {
    if (canvas.current !== null && behaviour.current !== null) behaviour.current.transform(select(canvas.current), zoomIdentity);
  };
  return (
    <div ref={element} class="cloud" style={{ height: `${height}px` }}>
      <canvas
        ref={canvas}
        data-testid="map"
        role="img"
        aria-label={`Map of ${points.row.length} explained units; the tables linked below hold the same units`}
        width={Math.round(width * devicePixelRatio)}
        height={Math.round(height * devicePixelRatio)}
        style={{ width: `${width}px`, height: `${height}px` }}
        class={hovered === null ? "" : "pointing"}
        onPointerDown={(event) => (touching.current = event.pointerType === "touch")}
        onPointerMove={(event) => event.pointerType !== "touch" && ((touching.current = false), describe(pointAt(event), event))}
        onPointerLeave={(event) => event.pointerType !== "touch" && describe(-1, event)}
        onClick={open}
      />
      <div class="zoom">
        <button type="button" aria-label="Zoom in" onClick={() => by(1.6)}>+</button>
        <button type="button" aria-label="Zoom out" onClick={() => by(1 / 1.6)}>−</button>
        <button type="button" aria-label="Show all" title="Show all" onClick={reset}>⤢</button>
      </div>
      {hovered === null ? null : (
        <div class="card" data-testid="map-card" style={{ left: `${Math.min(Math.max(0, width - 290), hovered.x + 14)}px`, top: hovered.y > height - 130 ? "auto" : `${hovered.y + 14}px`, bottom: hovered.y > height - 130 ? `${height - hovered.y + 14}px` : "auto" }}>
          <p><b>{hovered.unit}</b> <span class="num quiet">{score(hovered.score)}</span></p>
          <p>{hovered.text === "" ? "…" : visible(hovered.text)}</p>
          {touching.current ? <p class="quiet">Touch it again to open it.</p> : null}
        </div>
      )}
    </div>
  );
}

/** Points grow as they part: from a dot of a few to a disc's size when zoomed in. */
function sideOf(n: number, k: number): number {
  const resting = n > 100_000 ? 1 : n > 20_000 ? 1.6 : n > 3000 ? 3 : 6;
  return Math.min(10, resting * Math.sqrt(Math.max(1, k)) ** 0.9);
}

/** The points in sight where they are few enough to be drawn as discs, else null. */
function fewOf(tree: KDBush, n: number, view: View, k: number): number[] | null {
  if (n > MOST_DISCS && k < Math.sqrt(n / MOST_DISCS) / 4) return null; // surely too many to count
  const edge = view.side / view.k;
  const [left, top] = [-view.x / view.k - edge, -view.y / view.k - edge];
  const found = tree.range(left, top, left + view.width / view.k + 2 * edge, top + view.height / view.k + 2 * edge);
  return found.length <= MOST_DISCS ? found.sort((a, b) => (a * 2654435761) % n - (b * 2654435761) % n) : null;
}

function discs(context: CanvasRenderingContext2D, view: View, shown: number[], points: MapPoints, colours: Uint32Array): void {
  context.clearRect(0, 0, view.width, view.height);
  context.globalAlpha = 0.85;
  for (const i of shown) {
    context.fillStyle = cssOf(colours[i] ?? 0);
    context.beginPath();
    context.arc(view.x + (points.x[i] ?? 0) * view.k, view.y + (points.y[i] ?? 0) * view.k, view.side / 2, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function treeOf(points: MapPoints): KDBush | null {
  if (points.row.length === 0) return null;
  const tree = new KDBush(points.row.length, 64, Uint16Array);
  points.x.forEach((x, i) => tree.add(x, points.y[i] ?? 0));
  return tree.finish();
}

function nearest(tree: KDBush | null, points: MapPoints, x: number, y: number, reach: number): number {
  let best = -1;
  let least = Infinity;
  for (const id of tree?.within(x, y, reach) ?? []) {
    const distance = ((points.x[id] ?? 0) - x) ** 2 + ((points.y[id] ?? 0) - y) ** 2;
    if (distance < least) [best, least] = [id, distance];
  }
  return best;
}

function ring(context: CanvasRenderingContext2D, x: number, y: number, side: number): void {
  context.beginPath();
  context.arc(x, y, side / 2 + 4 * devicePixelRatio, 0, 2 * Math.PI);
  context.lineWidth = 2 * devicePixelRatio;
  context.strokeStyle = getComputedStyle(document.body).color;
  context.stroke();
}
