/* The side of a unit's page: numbers, tokens and kin. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ofUnit } from "../address";
import type { Neighbour, Unit } from "../contract";
import { count, measure, MISSING, percent, score } from "../format";
import { visible } from "../visible";
import { Shown } from "./tokens";

const SHARES = new Set(["density", "density_1pct"]);
const COUNTS = new Set(["n_tokens", "n_sequences", "n_nan", "n_infinite"]);
const FIRST = 12; // tokens of the look-up table that are shown at first
const FAULTS = new Set(["n_nan", "n_infinite"]); // told only where there are any

export function Statistics({ unit, descriptions }: { unit: Unit; descriptions: Record<string, string> }) {
  return (
    <dl class="facts" data-testid="statistics">
      {Object.entries(unit.statistics).filter(([name, value]) => value !== 0 || !FAULTS.has(name)).map(([name, value]) => (
        <div key={name} title={descriptions[name] ?? ""}>
          <dt>{name.replaceAll("_", " ")}</dt>
          <dd class="num">{SHARES.has(name) ? percent(value) : COUNTS.has(name) ? count(value) : measure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Lookup({ unit }: { unit: Unit }) {
  const [all, setAll] = useState(false);
  if (unit.lookup.length === 0) return <p class="quiet">No token was met often enough.</p>;
  const most = Math.max(...unit.lookup.map(([, mean]) => Math.abs(mean)));
  const shown = all ? unit.lookup : unit.lookup.slice(0, FIRST);
  return (
    <>
    <table class="tokens" data-testid="lookup">
      <thead><tr><th scope="col">Token</th><th scope="col" class="num">Mean</th><th scope="col" class="num">Count</th></tr></thead>
      <tbody>
        {shown.map(([token, mean, n], i) => (
          <tr key={i}>
            <th scope="row"><Written token={token} /></th>
            <td class="num"><span class={`meter${mean < 0 ? " negative" : ""}`} style={{ width: `${(100 * Math.abs(mean)) / Math.max(most, 1e-12)}%` }} />{measure(mean)}</td>
            <td class="num">{count(n)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {unit.lookup.length > FIRST ? <button type="button" class="plain" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "Fewer" : `${unit.lookup.length - FIRST} more`}</button> : null}
    </>
  );
}

export function Weights({ unit }: { unit: Unit }) {
  const { weights } = unit;
  if (weights === null) return <p class="quiet">The model's weights were not at hand when this site was built.</p>;
  const lists: [string, string, [string, number][]][] = [
    ["Promoted", "tokens whose logits its output raises most", weights.promoted],
    ["Suppressed", "tokens whose logits its output lowers most", weights.suppressed],
    ["Inputs", "tokens whose embeddings excite it most", weights.inputs],
  ];
  const kept = lists.filter(([, , list]) => list.length > 0);
  return (
    <>
      {weights.reason === null ? null : <p class="quiet">{weights.reason}</p>}
      <div class="weights" data-testid="weights">
        {kept.map(([title, meaning, list]) => (
          <section key={title}>
            <h3 title={meaning}>{title}</h3>
            <ul>
              {list.map(([token, weight], i) => <li key={i}><Written token={token} /><span class="num">{measure(weight, 2)}</span></li>)}
            </ul>
          </section>
        ))}
      </div>
    </>
  );
}

export function Neighbours({ unit, known }: { unit: Unit; known: (name: string) => boolean }) {
  const { explanation, firing } = unit.neighbours;
  return (
    <>
      <h3>By explanation</h3>
      <Kin list={explanation} known={known} none="Not compared: the unit or its study has no explanation embedding." />
      <h3>By firing</h3>
      <Kin list={firing} known={known} none="Not compared: which sequences it is active on was not kept." />
    </>
  );
}

function Kin({ list, known, none }: { list: Neighbour[] | null; known: (name: string) => boolean; none: string }) {
  if (list === null) return <p class="quiet">{none}</p>;
  if (list.length === 0) return <p class="quiet">None.</p>;
  return (
    <ul class="kin" data-testid="neighbours">
      {list.map(([name, similarity, text]) => (
        <li key={name}>
          {known(name) ? <a href={ofUnit(name)} data-testid="neighbour">{name}</a> : <span>{name}</span>}
          <span class="num quiet">{score(similarity)}</span>
          <span class="text" title={visible(text ?? "")}>{text === null ? MISSING : visible(text)}</span>
        </li>
      ))}
    </ul>
  );
}

export function Section({ id, title, children, note }: { id: string; title: string; children: ComponentChildren; note?: string }) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}{note === undefined ? null : <small>{note}</small>}</h2>
      {children}
    </section>
  );
}

function Written({ token }: { token: string }) {
  const shown = visible(token);
  return <code class="written">{shown === "" ? "∅" : <Shown text={shown} />}</code>;
}
