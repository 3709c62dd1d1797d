/* One layer: its distributions, and every unit of it in a table with order and filters.
 *
 * Order and filters stand in the address, so that they can be shared and survive the back button.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ofSite } from "../address";
import { startingAt } from "../bins";
import type { SiteIndex } from "../contract";
import { count, plural, score } from "../format";
import { useMedia, useTitle } from "../hooks";
import { Histogram } from "../parts/histogram";
import { Scatter } from "../parts/scatter";
import { floorOf, IntervalLegend } from "../parts/small";
import { UnitTable } from "../parts/unit_table";
import { replace } from "../router";
import { NUMBERS, rowsOf, type SiteRows } from "../rows";
import { arrange, NATURAL, needsAll, read, written, type Filter, type Sort } from "../table";
import { Failed, Missing } from "./missing";

const EAGER = 64; // blocks that are loaded without being asked for
const REDRAW_MS = 250;
const COLUMNS = ["unit", "text", "explainer", ...NUMBERS];

export function LayerPage({ index, name, query }: { index: SiteIndex; name: string; query: URLSearchParams }) {
  const folder = index.sites.findIndex((site) => site.name === name);
  if (folder < 0) return <Missing index={index} shown={name} />;
  return <Layer index={index} folder={folder} query={query} />;
}

function Layer({ index, folder, query }: { index: SiteIndex; folder: number; query: URLSearchParams }) {
  const rows = rowsOf(index, folder);
  const { site } = rows;
  useTitle(`${site.name} · ${index.title}`);
  const sort = read(query.get("sort"), COLUMNS);
  const filter = filterOf(query);
  const all = rows.blocks <= EAGER || needsAll(sort, filter) || query.has("all");
  const { loaded, error, retry } = useRows(rows, all);
  // Places change only when what they depend on does: the natural order needs no loaded block.
  const version = needsAll(sort, filter) ? loaded : 0;
  const places = useMemo(() => arrange(rows, sort, filter), [rows, version, query.toString()]);
  const set = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(query);
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === "") next.delete(key);
      else next.set(key, value);
    }
    replace(ofSite(site.name, next), { keepScroll: true });
  };
  const before = index.sites[folder - 1];
  const after = index.sites[folder + 1];
  const from = floorOf([site.score?.low, site.score?.random, site.score?.lookup, -0.2]);
  const narrow = useMedia("(max-width: 559px)");
  if (error !== null) return <Failed error={error} retry={retry} />;
  return (
    <article>
      <header class="title">
        <p class="crumbs"><a href="#/" rel="up">{index.title}</a></p>
        <h1>{site.name}</h1>
        <nav class="steps" aria-label="Layers">
          {before === undefined ? <span /> : <a rel="prev" href={ofSite(before.name)}>← {before.name}</a>}
          {after === undefined ? <span /> : <a rel="next" href={ofSite(after.name)}>{after.name} →</a>}
        </nav>
      </header>
      <p class="summary">
        {plural(site.count, "unit")}{site.polarities.length > 1 ? " of both signs" : ""}, {count(site.explained)} explained
        {site.score === null ? "." : <>, mean score <strong class="num">{score(site.score.mean)}</strong>{site.score.low === null ? "" : <span class="num"> [{score(site.score.low)}, {score(site.score.high)}]</span>}; random explanations <span class="num">{score(site.score.random)}</span>, token look-up <span class="num">{score(site.score.lookup)}</span>.</>}
      </p>
      <section class="pair" aria-label="Distributions">
        <Histogram title="Scores" counts={startingAt(site.score_histogram, 0)} of="units" xLabel="score" format={score} testid="score-histogram" height={210} />
        {all ? <Scatter rows={rows} height={210} /> : <figure class="figure"><figcaption>Score against density</figcaption><div class="plot empty" style={{ height: "230px" }}><button type="button" class="button" onClick={() => set({ all: "1" })}>Load all {count(site.count)} units</button></div></figure>}
      </section>
      <section aria-labelledby="units">
        <div class="toolbar">
          <h2 id="units">Units</h2>
          <input type="search" data-testid="filter-text" aria-label="Filter by explanation or unit number" placeholder="Filter explanations" value={filter.text} onInput={(event) => set({ q: event.currentTarget.value })} />
          <label>min. score <input type="number" data-testid="filter-score" min="-1" max="1" step="0.1" value={query.get("min") ?? ""} onInput={(event) => set({ min: event.currentTarget.value })} /></label>
          <label><input type="checkbox" data-testid="filter-explained" checked={filter.explained} onChange={(event) => set({ explained: event.currentTarget.checked ? "1" : null })} /> only explained</label>
          {narrow ? <SortSelect sort={sort} onSort={(next) => set({ sort: sortParameter(next) })} /> : null}
          <p class="quiet num" role="status" aria-live="polite" data-testid="unit-count">
            {places.length === site.count ? plural(site.count, "unit") : `${count(places.length)} of ${plural(site.count, "unit")}`}
            {all && !rows.complete ? `, ${Math.floor((100 * loaded) / rows.blocks)} % loaded` : ""}
          </p>
        </div>
        <UnitTable rows={rows} places={places} sort={sort} onSort={(next) => set({ sort: sortParameter(next) })} descriptions={index.columns} from={from} />
        {places.length === 0 && (rows.complete || !all) ? <p class="nothing">No unit of {site.name} fits. <button type="button" class="button" onClick={() => set({ q: null, min: null, explained: null })}>Clear the filters</button></p> : null}
        <IntervalLegend />
      </section>
    </article>
  );
}

function SortSelect({ sort, onSort }: { sort: Sort; onSort: (sort: Sort) => void }) {
  const choices = ["unit", "-score", "score", "-density", "density", "-max", "text"];
  return (
    <label>sort
      <select value={written(sort)} onChange={(event) => onSort(read(event.currentTarget.value, COLUMNS))}>
        {choices.map((choice) => <option key={choice} value={choice}>{choice.startsWith("-") ? `${choice.slice(1)}, largest first` : choice}</option>)}
      </select>
    </label>
  );
}

/** Loads what is wanted and counts the blocks that are there, a few times a second at most. */
function useRows(rows: SiteRows, all: boolean): { loaded: number; error: Error | null; retry: () => void } {
  const [loaded, setLoaded] = useState(rows.loaded);
  const [error, setError] = useState<Error | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    setLoaded(rows.loaded);
    return rows.onChange(() => {
      if (rows.complete) setLoaded(rows.loaded);
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        setLoaded(rows.loaded);
      }, REDRAW_MS);
    });
  }, [rows]);
  const fetchAll = () => {
    let wanted = true;
    rows.loadAt(0).then(() => (all ? rows.loadAll(() => wanted) : undefined)).catch(
      (reason: unknown) => wanted && setError(reason instanceof Error ? reason : new Error(String(reason))),
    );
    return () => void (wanted = false);
  };
  useEffect(fetchAll, [rows, all]);
  return { loaded, error, retry: () => (setError(null), void fetchAll()) };
}

function filterOf(query: URLSearchParams): Filter {
  const minimum = query.get("min");
  const number = Number(minimum);
  return {
    text: query.get("q") ?? "",
    minimum: minimum === null || minimum === "" || Number.isNaN(number) ? null : number,
    explained: query.get("explained") === "1",
  };
}

function sortParameter(sort: Sort): string | null {
  return written(sort) === written(NATURAL) ? null : written(sort);
}
