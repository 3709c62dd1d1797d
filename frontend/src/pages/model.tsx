/* The study at a glance: what was measured, how well it is explained, layer by layer. */
import { ofSite } from "../address";
import { startingAt, sum } from "../bins";
import type { SiteIndex } from "../contract";
import { count, dollars, percent, percentTick, plural, score } from "../format";
import { useTitle } from "../hooks";
import { Histogram } from "../parts/histogram";
import { floorOf, Interval, IntervalLegend, Spark } from "../parts/small";

export function ModelPage({ index }: { index: SiteIndex }) {
  useTitle(`${index.title} · Neuroscribe`);
  const { totals, headline } = index;
  const scores = index.sites.flatMap(({ score: one }) => (one === null ? [] : [one.mean, one.low, one.random, one.lookup]));
  const from = floorOf(scores);
  const scored = sum(index.sites.map((site) => site.score_histogram));
  const least = Math.min(0, scored.edges[scored.counts.findIndex((n) => n > 0)] ?? 0);
  return (
    <article>
      <h1>{index.title}</h1>
      <ul class="tiles" aria-label="Totals">
        <Tile value={count(totals.units)} of="units" />
        <Tile value={count(totals.explained)} of={`explained (${percent(totals.explained / Math.max(1, totals.units))})`} />
        <Tile value={count(totals.explanations)} of="explanations" />
        <Tile value={count(totals.sequences)} of="sequences shown" />
        {totals.tokens === null ? null : <Tile value={count(totals.tokens)} of="tokens read" />}
        {totals.cost_usd === null ? null : <Tile value={dollars(totals.cost_usd)} of="paid for explanations" />}
      </ul>
      <section aria-labelledby="layers">
        <h2 id="layers">Layers</h2>
        <div class="scroller" role="region" aria-label="Table of layers" tabIndex={0} data-arrows>
          <table class="sites" data-testid="sites">
            <thead>
              <tr>
                <th scope="col">Site</th>
                <th scope="col" class="num">Units</th>
                <th scope="col" class="num">Explained</th>
                <th scope="col" class="num">Score</th>
                <th scope="col" class="wide">95% interval and baselines</th>
                <th scope="col" class="num" title="The mean score of random explanations of the same units">Random</th>
                <th scope="col" class="num" title="The mean score of predicting by token alone">Look-up</th>
                <th scope="col">Scores</th>
                <th scope="col">Densities</th>
              </tr>
            </thead>
            <tbody>
              {index.sites.map((site) => (
                <tr key={site.name}>
                  <th scope="row"><a href={ofSite(site.name)} data-testid="site-link">{site.name}</a></th>
                  <td class="num">{count(site.count)}</td>
                  <td class="num">{count(site.explained)}</td>
                  <td class="num strong">{score(site.score?.mean ?? null)}</td>
                  <td class="wide">{site.score === null ? <span class="quiet">not scored</span> : <Interval value={site.score.mean} low={site.score.low} high={site.score.high} random={site.score.random} lookup={site.score.lookup} from={from} />}</td>
                  <td class="num">{score(site.score?.random ?? null)}</td>
                  <td class="num">{score(site.score?.lookup ?? null)}</td>
                  <td><Spark counts={startingAt(site.score_histogram, least)} label={`Distribution of the scores of ${site.name}`} /></td>
                  <td><Spark counts={site.density_histogram} label={`Distribution of the densities of ${site.name}`} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div class="under">
          <IntervalLegend />
          {headline === null ? null : <p class="quiet">Score: {headline.metric} of {headline.scorer} on {headline.report_set.replaceAll("_", " ")}, mean over {plural(index.sites.reduce((sum, site) => sum + (site.score?.n ?? 0), 0), "unit")}. {index.columns[headline.metric] ?? ""}</p>}
        </div>
      </section>
      <section class="pair" aria-label="Distributions">
        <Histogram title="Scores" counts={startingAt(scored, least)} of="units" xLabel="score" format={score} testid="score-histogram" />
        <Histogram title="Densities" counts={sum(index.sites.map((site) => site.density_histogram))} of="units" xLabel="share of tokens on which a unit is active" format={(edge) => percent(10 ** edge)} ticks={percentTick} testid="density-histogram" />
      </section>
      <section aria-labelledby="provenance">
        <h2 id="provenance">Provenance</h2>
        <dl class="facts" data-testid="provenance">
          {index.provenance.map(([label, value]) => (
            <div key={label}><dt>{label}</dt><dd>{value}</dd></div>
          ))}
        </dl>
      </section>
    </article>
  );
}

function Tile({ value, of }: { value: string; of: string }) {
  return <li><strong class="num">{value}</strong> <span>{of}</span></li>;
}
