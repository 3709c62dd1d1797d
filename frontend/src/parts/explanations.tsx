/* What has been said about a unit, and how well each saying did. */
import { useState } from "preact/hooks";
import type { Explanation, Score, SiteIndex } from "../contract";
import { count, dollars, MISSING, percent, plural, score as written, time } from "../format";
import { visible } from "../visible";
import { floorOf, Interval, IntervalLegend } from "./small";

const FEW = 4; // scores that are shown without a choice

export function Explanations({ explanations, index }: { explanations: Explanation[]; index: SiteIndex }) {
  if (explanations.length === 0) return <p class="quiet">Nobody has explained this unit yet.</p>;
  const scores = explanations.flatMap((explanation) => explanation.scores);
  const selected = explanations.filter((explanation) => explanation.selected);
  const first = selected.length > 0 ? selected : explanations;
  const others = explanations.filter((explanation) => !first.includes(explanation));
  const one = (explanation: Explanation) => <One key={explanation.id} explanation={explanation} number={explanations.indexOf(explanation) + 1} of={explanations.length} index={index} />;
  return (
    <>
      {first.map(one)}
      {others.length === 0 ? null : (
        <details class="others" data-testid="other-explanations">
          <summary>{plural(others.length, "explanation")} not selected</summary>
          {others.map(one)}
        </details>
      )}
      {scores.length > 0 ? <IntervalLegend mean={scores.some((score) => score.mean !== null)} chance={scores.some((score) => score.chance !== null)} /> : null}
    </>
  );
}

interface OneProps {
  explanation: Explanation;
  number: number;
  of: number;
  index: SiteIndex;
}

function One({ explanation, number, of, index }: OneProps) {
  const { text, scores } = explanation;
  return (
    <section class={`explanation${explanation.selected ? " selected" : ""}`} data-testid="explanation" aria-label={`Explanation ${number} of ${of}`}>
      {text === null ? <p class="saying quiet">No explanation: {visible(explanation.reason ?? explanation.status)}</p> : <p class="saying">{visible(text)}</p>}
      <p class="meta">
        {of > 1 ? <b>{number}</b> : null}
        {explanation.selected ? null : <span class="tag">not selected</span>}
        {explanation.status === "ok" || text === null ? null : <span class="tag">{explanation.status}</span>}
        <span title="explainer">{explanation.explainer}</span>
        <span title="exemplars shown to it">{explanation.exemplars}</span>
        <span title="form of the answer">{explanation.form}</span>
        <span title="LLM">{explanation.llm}</span>
        {explanation.candidate > 0 ? <span>candidate {explanation.candidate}</span> : null}
        {explanation.parent_id === null ? null : <span title={explanation.parent_id}>revision of {explanation.parent_id.slice(0, 8)}</span>}
        {explanation.selection_score === null ? null : <span class="num">selection score {written(explanation.selection_score)}</span>}
        <span class="num">{time(explanation.created_at)}</span>
        <span class="num" title="tokens sent and received">{count(explanation.input_tokens)} + {count(explanation.output_tokens)} tokens</span>
        <span class="num">{explanation.cost_usd === null ? "price unknown" : dollars(explanation.cost_usd)}</span>
      </p>
      {scores.length === 0 ? <p class="quiet">Not scored.</p> : <Scores scores={scores} number={number} index={index} />}
    </section>
  );
}

function Scores({ scores, number, index }: { scores: Score[]; number: number; index: SiteIndex }) {
  const [all, setAll] = useState(false);
  const { columns: descriptions, headline } = index;
  const ordered = byHeadline(scores, headline);
  // What a scorer says in several metrics is shown in the one that the study goes by.
  const brief = scores.length <= FEW ? ordered : ordered.filter((one) => one.scorer !== headline?.scorer || one.metric === headline.metric);
  const shown = all || brief.length === 0 ? ordered : brief;
  const from = floorOf(shown.flatMap((one) => [one.value, one.low, one.random, one.lookup, one.mean, one.chance]));
  const head = (name: string, text: string, kind = "num") => <th scope="col" class={kind} title={descriptions[name] ?? ""}>{text}</th>;
  return (
    <div class="scroller" role="region" aria-label={`Scores of explanation ${number}`} tabIndex={0} data-arrows>
      <table class="scores" data-testid="scores">
        <thead>
          <tr>
            {head("scorer", "Scorer", "")}
            {head("metric", "Metric", "")}
            {head("value", "Score")}
            <th scope="col" class="wide"><span class="hidden">Drawn</span></th>
            {head("low", "95% interval")}
            {head("chance", "Chance")}
            {head("random", "Random")}
            {head("lookup", "Look-up")}
            {head("baseline_mean", "Mean")}
            {head("n_sequences", "n")}
          </tr>
        </thead>
        <tbody>{shown.map((one, i) => <Line key={i} score={one} from={from} descriptions={descriptions} />)}</tbody>
      </table>
      {brief.length > 0 && brief.length < scores.length ? <button type="button" class="plain" data-testid="all-scores" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Fewer metrics" : `${scores.length - brief.length} more in other metrics`}</button> : null}
    </div>
  );
}

/** The score that the study goes by first, then its metric in other report sets; otherwise as stored. */
function byHeadline(scores: Score[], headline: SiteIndex["headline"]): Score[] {
  const rank = (one: Score) =>
    headline === null || one.scorer !== headline.scorer ? 3 : one.metric !== headline.metric ? 2 : one.report_set !== headline.report_set ? 1 : 0;
  return [...scores].sort((a, b) => rank(a) - rank(b));
}

function Line({ score, from, descriptions }: { score: Score; from: number; descriptions: Record<string, string> }) {
  const by = [score.simulator, score.llm].filter((part) => part !== null).join(" · ");
  return (
    <>
      <tr class={score.reliable ? "" : "unreliable"}>
        <th scope="row" title={by}>{score.scorer}<small>{score.report_set.replaceAll("_", " ")}<span class="narrow"> · {score.metric.replaceAll("_", " ")}</span></small></th>
        <td title={descriptions[score.metric] ?? ""}>{score.metric.replaceAll("_", " ")}</td>
        <td class="num strong">{written(score.value)}{score.reliable ? null : <abbr title={score.reason ?? "not reliable"}>*</abbr>}</td>
        <td class="wide"><Interval value={score.value} low={score.low} high={score.high} random={score.random} lookup={score.lookup} mean={score.mean} chance={score.chance} from={from} /></td>
        <td class="num">{score.low === null || score.high === null ? MISSING : `${written(score.low)} to ${written(score.high)}`}</td>
        <td class="num">{written(score.chance)}</td>
        <td class="num">{written(score.random)}</td>
        <td class="num">{written(score.lookup)}</td>
        <td class="num">{written(score.mean)}</td>
        <td class="num" title={`${plural(score.n_items, "item")}, ${percent(score.coverage)} of them answered`}>{count(score.n_sequences)}</td>
      </tr>
      {score.reliable && score.reason === null ? null : (
        <tr class="why"><td colSpan={10}>{score.reliable ? "" : "* Not reliable: "}{score.reason ?? "no reason was kept"}{score.coverage < 1 ? ` (${percent(score.coverage)} answered)` : ""}</td></tr>
      )}
    </>
  );
}
