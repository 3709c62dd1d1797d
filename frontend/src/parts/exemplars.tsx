/* Where a unit is active: sequences as heat maps, by split and by how they were drawn.
 *
 * Lines are set so that their peaks stand below each other, as in a concordance; a line opens to its
 * whole sequence.
 */
import { useState } from "preact/hooks";
import type { ExemplarBlock, Group, Sequence, Shown, UnitExemplars } from "../contract";
import { measure, plural } from "../format";
import { Choice } from "./choice";
import { Token, TokenLines } from "./tokens";
import { recall, remember } from "../theme";

const BEFORE = 30; // tokens kept on each side of the peak; the screen cuts them further
const AFTER = 30;
const STEPS = 500;
const KEY = "neuroscribe-lines";
const KINDS: Group["kind"][] = ["top", "quantile", "random"];
const NAMES: Record<Group["kind"], string> = { top: "Top", quantile: "Quantile bands", random: "Random" };

interface Props {
  shown: UnitExemplars;
  sequences: ExemplarBlock["sequences"];
}

export function Exemplars({ shown, sequences }: Props) {
  const splits = [...new Set(shown.groups.map((group) => group.split))];
  const [split, setSplit] = useState(splits[0] ?? "");
  const [kind, setKind] = useState<Group["kind"]>("top");
  const [whole, setWhole] = useState(recall(KEY) === "whole");
  // Another unit may lack what was chosen on the last.
  const ofSplit = shown.groups.filter((group) => group.split === (splits.includes(split) ? split : splits[0]));
  const kinds = KINDS.filter((one) => ofSplit.some((group) => group.kind === one));
  const chosen = kinds.includes(kind) ? kind : kinds[0];
  const groups = ofSplit.filter((group) => group.kind === chosen);
  if (shown.groups.length === 0) return <p class="quiet">No exemplars of this unit were kept.</p>;
  return (
    <>
      <div class="toolbar">
        <Choice label="Kind" testid="kind" value={chosen ?? "top"} choices={kinds.map((one) => [one, NAMES[one]])} onChoose={setKind} />
        <Choice label="Split" testid="split" value={ofSplit[0]?.split ?? ""} choices={splits.map((one) => [one, one])} onChoose={setSplit} />
        <Choice label="Lines" testid="lines" value={whole ? "whole" : "aligned"} choices={[["aligned", "Aligned"], ["whole", "Whole"]]} onChoose={(next) => (setWhole(next === "whole"), remember(KEY, next))} />
        <Scale largest={shown.largest} lowest={lowestOf(shown)} />
      </div>
      <div class="exemplars" data-testid="exemplars">
        {groups.map((group) => (
          <section key={`${group.split} ${group.kind} ${group.quantile}`}>
            {group.quantile === null ? null : <h3>Band {group.quantile} <span class="quiet">{band(group, shown.step)}</span></h3>}
            <TokenLines label={`${NAMES[group.kind]} sequences of the ${group.split} split`}>
              {group.items.map((item, i) => {
                const sequence = sequences[item.s];
                return sequence === undefined ? null : <Line key={`${shown.unit} ${item.s} ${i}`} item={item} sequence={sequence} shown={shown} whole={whole} />;
              })}
            </TokenLines>
          </section>
        ))}
        {groups.length === 0 ? <p class="quiet">None were kept.</p> : null}
      </div>
    </>
  );
}

interface LineProps {
  item: Shown;
  sequence: Sequence;
  shown: UnitExemplars;
  whole: boolean;
}

function Line({ item, sequence, shown, whole }: LineProps) {
  const [turned, setTurned] = useState(false);
  const open = whole !== turned;
  const { tokens } = sequence;
  const { peak } = item;
  const token = (i: number) => <Token key={i} token={tokens[i] ?? ""} value={scaled(item.v[i], shown.step)} largest={shown.largest} lowest={lowestOf(shown)} peak={i === peak} />;
  const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  return (
    <div class={`line${open ? " open" : ""}`} data-line data-testid="exemplar">
      <span class="peak-value num" title="the largest activation of the sequence">{measure(scaled(item.v[peak], shown.step))}</span>
      {open ? (
        <div class="sequence">
          <div class="text">{range(0, tokens.length).flatMap((i) => (i > 0 && startsLine(tokens[i - 1] ?? "", tokens[i] ?? "") ? [<br key={`b${i}`} />, token(i)] : [token(i)]))}</div>
          <p class="quiet source">{sequence.document} · {sequence.split} · sequence {item.s} · {plural(tokens.length, "token")}</p>
        </div>
      ) : (
        <div class="concordance">
          <span class="before">{range(Math.max(0, peak - BEFORE), peak).map(token)}</span>
          <span class="after">{range(peak, Math.min(tokens.length, peak + AFTER)).map(token)}</span>
        </div>
      )}
      <button type="button" class="more" aria-expanded={open} aria-label={open ? "Show the line alone" : "Show the whole sequence"} title={open ? "the line alone" : "the whole sequence"} onClick={() => setTurned(!turned)}>
        <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true"><path d={open ? "M1 7 5 3 9 7" : "M1 3 5 7 9 3"} fill="none" stroke="currentColor" stroke-width="1.5" /></svg>
      </button>
    </div>
  );
}

/** Whether a line of the text begins with (or within the white space that opens) a token. */
function startsLine(before: string, token: string): boolean {
  return before.endsWith("\n") || token.startsWith("\n");
}

/** The colours and what they stand for. */
function Scale({ largest, lowest }: { largest: number; lowest: number }) {
  return (
    <span class="scale num" title="Colour by activation over the largest on the train split">
      <span>{measure(-lowest)}</span><i aria-hidden="true" /><span>{measure(largest)}</span>
    </span>
  );
}

/** The size of a negative value of full colour: steps are 1/500 of the largest absolute value shown. */
export function lowestOf(shown: UnitExemplars): number {
  return Math.max(shown.largest, STEPS * shown.step);
}

export function scaled(value: number | null | undefined, step: number): number | null {
  return value === null || value === undefined ? null : value * step;
}

function band(group: Group, step: number): string {
  const peaks = group.items.map((item) => scaled(item.v[item.peak], step)).filter((value): value is number => value !== null);
  return peaks.length === 0 ? "" : `peaks ${measure(Math.min(...peaks))} to ${measure(Math.max(...peaks))}`;
}
