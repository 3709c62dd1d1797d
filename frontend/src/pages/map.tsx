/* All explained units, near each other where their explanations mean alike. */
import { useMemo, useState } from "preact/hooks";
import { ofSite } from "../address";
import { css, ramp } from "../colour";
import type { MapPoints, SiteIndex } from "../contract";
import { plural } from "../format";
import { useLoad, useTitle } from "../hooks";
import { load } from "../load";
import { Choice } from "../parts/choice";
import { Cloud } from "../parts/cloud";
import { pixel } from "../pixels";
import { placeOfRow } from "../place";
import { useTheme } from "../theme";
import { Failed, Waiting } from "./missing";

type Colouring = "layer" | "score";
const MOST_NAMES = 12; // beyond it the legend is a scale
const UNSCORED: [number, number, number] = [140, 140, 140];

export function MapPage({ index }: { index: SiteIndex }) {
  useTitle(`Map · ${index.title}`);
  if (index.map === null) {
    return (
      <article class="notice">
        <h1>No map</h1>
        <p>This site was built without a layout of its explanations: it takes an encoder of sentences and some explained units.</p>
        <p>Browse <a href="#/">the layers</a> instead.</p>
      </article>
    );
  }
  return <Laid index={index} by={index.map.by} />;
}

function Laid({ index, by }: { index: SiteIndex; by: string }) {
  const { value: points, error, retry } = useLoad("map", () => load<MapPoints>("map.json.gz"));
  const [colouring, setColouring] = useState<Colouring>("layer");
  const { dark } = useTheme();
  const colours = useMemo(() => (points === undefined ? new Uint32Array() : coloursOf(index, points, colouring, dark)), [points, colouring, dark]);
  if (error !== undefined) return <Failed error={error} retry={retry} />;
  return (
    <article class="map">
      <div class="toolbar">
        <h1>Map</h1>
        <Choice label="Colour" testid="colour" value={colouring} choices={[["layer", "Layer"], ["score", "Score"]]} onChoose={setColouring} />
        <Legend index={index} colouring={colouring} dark={dark} />
      </div>
      {points === undefined ? <Waiting /> : <Cloud index={index} points={points} colours={colours} />}
      <p class="quiet">
        {points === undefined ? "" : `${plural(points.row.length, "explained unit")}, laid out by ${by}. `}
        Drag to move, scroll or pinch to zoom, press a point to open its unit. The same units as tables: {index.sites.filter((site) => site.explained > 0).map((site, i) => <>{i > 0 ? ", " : ""}<a href={`${ofSite(site.name)}?explained=1`}>{site.name}</a></>)}.
      </p>
    </article>
  );
}

function Legend({ index, colouring, dark }: { index: SiteIndex; colouring: Colouring; dark: boolean }) {
  if (colouring === "layer") {
    const sites = index.sites;
    if (sites.length > MOST_NAMES) {
      return (
        <p class="legend" data-testid="legend">
          {sites[0]?.name}<span class="ramp">{sites.map((site, i) => <i key={site.name} title={site.name} style={{ backgroundColor: css(ramp(share(i, sites.length), dark)) }} />)}</span>{sites.at(-1)?.name}
        </p>
      );
    }
    return (
      <ul class="legend" data-testid="legend">
        {sites.map((site, i) => <li key={site.name}><i style={{ backgroundColor: css(ramp(share(i, sites.length), dark)) }} />{site.name}</li>)}
      </ul>
    );
  }
  return (
    <p class="legend num" data-testid="legend">
      0<span class="ramp">{Array.from({ length: 24 }, (_, i) => <i key={i} style={{ backgroundColor: css(ramp(i / 23, dark)) }} />)}</span>1
      <span><i style={{ backgroundColor: css(UNSCORED) }} />not scored</span>
    </p>
  );
}

function coloursOf(index: SiteIndex, points: MapPoints, colouring: Colouring, dark: boolean): Uint32Array {
  if (colouring === "layer") {
    const palette = index.sites.map((_, i) => pixel(ramp(share(i, index.sites.length), dark)));
    return Uint32Array.from(points.row, (row) => palette[placeOfRow(index.sites, row)?.folder ?? 0] ?? 0);
  }
  const palette = Array.from({ length: 101 }, (_, i) => pixel(ramp(i / 100, dark)));
  const unscored = pixel(UNSCORED);
  return Uint32Array.from(points.score, (score) => (score === null ? unscored : (palette[Math.round(100 * Math.min(1, Math.max(0, score)))] ?? unscored)));
}

function share(i: number, n: number): number {
  return n > 1 ? i / (n - 1) : 0.5;
}
