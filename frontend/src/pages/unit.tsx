/* One unit: what is said about it, how far that is right, and what it does. */
import { ofSite, ofUnit } from "../address";
import type { SiteIndex, Unit } from "../contract";
import { measure } from "../format";
import { useLoad, useTitle } from "../hooks";
import { Exemplars } from "../parts/exemplars";
import { Explanations } from "../parts/explanations";
import { Lookup, Neighbours, Section, Statistics, Weights } from "../parts/facts";
import { Histogram } from "../parts/histogram";
import { Simulations } from "../parts/simulations";
import { placeOfName, unitAt, unitName, type Place } from "../place";
import { loadUnit } from "../unit";
import { visible } from "../visible";
import { Failed, Missing, Waiting } from "./missing";

const MARKS = "Marks: share of sequences whose largest activation lies below.";

export function UnitPage({ index, name }: { index: SiteIndex; name: string }) {
  const place = placeOfName(index, name);
  if (place === null) return <Missing index={index} shown={name} />;
  return <Found index={index} name={name} place={place} />;
}

function Found({ index, name, place }: { index: SiteIndex; name: string; place: Place }) {
  const { value, error, stale, retry } = useLoad(name, () => loadUnit(index, place, name));
  const text = value?.unit.explanations.find((one) => one.selected && one.text !== null)?.text ?? null;
  useTitle(`${name}${text === null || stale ? "" : `: ${visible(text)}`} · ${index.title}`);
  if (error !== undefined) return <Failed error={error} retry={retry} />;
  if (value === undefined) return <><Title index={index} place={place} name={name} unit={null} /><Waiting /></>;
  const { unit, exemplars, sequences } = value;
  return (
    <article class="unit" aria-busy={stale} data-testid="unit" data-unit={unit.unit}>
      <Title index={index} place={value.place} name={unit.unit} unit={unit} />
      <div class="halves">
        <div class="main-half">
          <Section id="explanations" title="Explanations"><Explanations explanations={unit.explanations} index={index} /></Section>
          <Section id="exemplars" title="Exemplars">{exemplars === null ? <p class="quiet">No exemplars of this unit were kept.</p> : <Exemplars shown={exemplars} sequences={sequences} />}</Section>
          <Section id="simulated" title="Simulated against true">{exemplars === null ? <p class="quiet">Nothing to compare.</p> : <Simulations key={unit.unit} shown={exemplars} sequences={sequences} explanations={unit.explanations} />}</Section>
        </div>
        <aside class="side-half" aria-label="Facts about the unit">
          <section class="chart"><Activations unit={unit} /></section>
          <Section id="statistics" title="Statistics"><Statistics unit={unit} descriptions={index.columns} /></Section>
          <Section id="lookup" title="Token look-up" note="mean activation by token"><Lookup unit={unit} /></Section>
          <Section id="weights" title="Tokens by weights"><Weights unit={unit} /></Section>
          <Section id="similar" title="Similar units"><Neighbours unit={unit} known={(other) => placeOfName(index, other) !== null} /></Section>
        </aside>
      </div>
      <p class="hidden" role="status" aria-live="polite">{stale ? "" : `${unit.unit} loaded`}</p>
    </article>
  );
}

function Title({ index, place, name, unit }: { index: SiteIndex; place: Place; name: string; unit: Unit | null }) {
  const beside = (step: number) => {
    const at = unitAt(place.site, place.place + step);
    return at === null ? null : unitName(place.site.name, ...at);
  };
  const [before, after] = [beside(-1), beside(1)];
  return (
    <header class="title">
      <p class="crumbs"><a href="#/">{index.title}</a> / <a href={ofSite(place.site.name)} rel="up">{place.site.name}</a></p>
      <h1>{name}</h1>
      <p class="links">
        {unit?.opposite == null ? null : <a href={ofUnit(unit.opposite)} data-testid="opposite">{unit.opposite.endsWith("-") ? "negative" : "positive"} side</a>}
        <a href={`${ofUnit(name)}.json`} data-testid="json">JSON</a>
      </p>
      <nav class="steps" aria-label="Units">
        {before === null ? <span /> : <a rel="prev" href={ofUnit(before)} title={`${before} (k)`}>← previous</a>}
        {after === null ? <span /> : <a rel="next" href={ofUnit(after)} title={`${after} (j)`}>next →</a>}
      </nav>
    </header>
  );
}

function Activations({ unit }: { unit: Unit }) {
  const marks = unit.quantiles.boundaries.map((at, i) => ({ at, label: levelName(unit.quantiles.levels[i]) }));
  const drawn = unit.histogram.counts.reduce((sum, n) => sum + n, 0);
  const sampled = drawn < (unit.statistics["n_tokens"] ?? drawn);
  return <Histogram title="Activations" counts={unit.histogram} of={sampled ? "sampled tokens" : "tokens"} xLabel="activation of a token" format={(edge) => measure(edge)} logarithmic marks={marks} {...(marks.length > 0 ? { note: MARKS } : {})} height={180} testid="activation-histogram" />;
}

function levelName(level: number | undefined): string {
  return level === undefined ? "" : `${Number((level * 100).toFixed(3))}%`;
}
