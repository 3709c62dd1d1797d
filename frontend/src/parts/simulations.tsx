/* What an explanation predicts against what the unit did, token below token. */
import { useState } from "preact/hooks";
import type { ExemplarBlock, Explanation, Simulated, Simulation, UnitExemplars } from "../contract";
import { measure, MISSING } from "../format";
import { visible } from "../visible";
import { Choice } from "./choice";
import { lowestOf, scaled } from "./exemplars";
import { Token, TokenLines } from "./tokens";

const MOST_EXPECTED = 10; // simulators answer on a scale from 0 to 10
const FIRST = 4;

interface Props {
  shown: UnitExemplars;
  sequences: ExemplarBlock["sequences"];
  explanations: Explanation[];
}

export function Simulations({ shown, sequences, explanations }: Props) {
  const [at, setAt] = useState(0);
  const [all, setAll] = useState(false);
  const [calibrated, setCalibrated] = useState(false);
  const { simulations } = shown;
  const simulation = simulations[at] ?? simulations[0];
  if (simulation === undefined) return <p class="quiet">No explanation of this unit has been simulated token by token.</p>;
  const explained = explanations.find((one) => one.id === simulation.explanation);
  const canCalibrate = simulation.items.some((item) => item.calibrated !== null);
  const items = all ? simulation.items : simulation.items.slice(0, FIRST);
  return (
    <>
      <div class="toolbar">
        {simulations.length > 1 ? (
          <label>
            <span class="hidden">Simulation</span>
            <select data-testid="simulation" value={String(at)} onChange={(event) => setAt(Number(event.currentTarget.value))}>
              {simulations.map((one, i) => <option key={i} value={String(i)}>{nameOf(one, explanations)}</option>)}
            </select>
          </label>
        ) : (
          <span class="quiet">{simulation.simulator} · {simulation.llm} · {simulation.split}</span>
        )}
        {canCalibrate ? <Choice label="Predicted" testid="calibrated" value={calibrated ? "yes" : "no"} choices={[["no", "0 to 10"], ["yes", "Calibrated"]]} onChoose={(next) => setCalibrated(next === "yes")} /> : null}
      </div>
      {explained?.text == null ? null : <p class="quiet">of “<bdi>{visible(explained.text)}</bdi>”</p>}
      <div class="simulations" data-testid="simulations">
        <TokenLines label="True activations above simulated ones">
          {items.map((item, i) => <Pair key={`${simulation.explanation} ${item.s} ${i}`} item={item} tokens={sequences[item.s]?.tokens ?? []} shown={shown} calibrated={calibrated && item.calibrated !== null} />)}
        </TokenLines>
      </div>
      {simulation.items.length > FIRST ? <button type="button" class="button" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Show fewer" : `Show all ${simulation.items.length}`}</button> : null}
    </>
  );
}

interface PairProps {
  item: Simulated;
  tokens: string[];
  shown: UnitExemplars;
  calibrated: boolean;
}

function Pair({ item, tokens, shown, calibrated }: PairProps) {
  if (item.reason !== null && item.expected.length === 0) return <p class="quiet">Not simulated: {item.reason}</p>;
  const predicted = calibrated ? (item.calibrated ?? []) : item.expected;
  const peak = peakOf(item.truth);
  const most = calibrated ? shown.largest : MOST_EXPECTED;
  return (
    <div class="pairs" data-line data-testid="pair">
      <div class="sides" aria-hidden="true"><span>true</span><span>sim.</span></div>
      <div class="columns">
        {tokens.map((token, i) => {
          const truth = scaled(item.truth[i], shown.step);
          const guess = predicted[i] ?? null;
          const says = `true ${truth === null ? MISSING : measure(truth)} · simulated ${guess === null ? MISSING : calibrated ? measure(guess) : `${measure(guess)} of 10`}`;
          return (
            <span key={i} class="column">
              <span><Token token={token} value={truth} largest={shown.largest} lowest={lowestOf(shown)} says={says} peak={i === peak} /></span>
              <span><Token token={token} value={guess} largest={most} lowest={calibrated ? lowestOf(shown) : most} says={says} twin /></span>
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** The first position of the largest value; 0 where there is none. */
function peakOf(values: (number | null)[]): number {
  let at = 0;
  values.forEach((value, i) => {
    if (value !== null && value > (values[at] ?? -Infinity)) at = i;
  });
  return at;
}

function nameOf(simulation: Simulation, explanations: Explanation[]): string {
  const at = explanations.findIndex((one) => one.id === simulation.explanation);
  const which = at < 0 ? simulation.explanation.slice(0, 8) : `explanation ${at + 1}`;
  return `${which} · ${simulation.simulator} · ${simulation.llm} · ${simulation.split}`;
}
