/* Results of a search over all explanations. */
import { useEffect, useState } from "preact/hooks";
import { ofUnit } from "../address";
import type { SearchShard, SiteIndex } from "../contract";
import { plural, score } from "../format";
import { useLoad, useTitle } from "../hooks";
import { lineAt } from "../line";
import { load } from "../load";
import { placeOfRow } from "../place";
import { find } from "../search";
import { termsOf } from "../terms";
import { visible } from "../visible";
import { Failed, Waiting } from "./missing";

const PAGE = 25;

interface Result {
  unit: string;
  text: string;
  score: number | null;
}

export function SearchPage({ index, query }: { index: SiteIndex; query: URLSearchParams }) {
  const asked = query.get("q") ?? "";
  useTitle(`${asked === "" ? "Search" : asked} · ${index.title}`);
  const { value, error, retry, stale } = useLoad(asked, async () => {
    const found = await find(asked, {
      ...index.search,
      size: index.totals.explained,
      load: (shard) => load<SearchShard>(`search/${shard}.json.gz`),
    });
    return { asked, found };
  });
  const [pages, setPages] = useState(1);
  useEffect(() => setPages(1), [asked]);
  if (error !== undefined) return <Failed error={error} retry={retry} />;
  if (value === undefined) return <Waiting />;
  const { found } = value;
  const shown = found.rows.slice(0, pages * PAGE);
  const terms = termsOf(value.asked);
  return (
    <article aria-busy={stale} class="search">
      <h1>{terms.length === 0 ? "Search" : <>“{value.asked.trim()}”</>}</h1>
      <p role="status" aria-live="polite" class="quiet" data-testid="search-status">
        {terms.length === 0 ? "Type words in the box above: they are sought in all explanations, the last one also as a beginning." : found.rows.length === 0 ? "No explanation holds this." : plural(found.rows.length, "unit")}
        {found.ignored.length > 0 ? ` Ignored as too common: ${found.ignored.join(", ")}.` : ""}
        {found.absent.length > 0 && found.rows.length > 0 ? ` Found nowhere: ${found.absent.join(", ")}.` : ""}
      </p>
      {found.rows.length === 0 && terms.length > 0 ? <p>Try fewer or shorter words, browse <a href="#/">the layers</a>, or open <a href="#/random">a random unit</a>.</p> : null}
      <Results index={index} rows={shown} terms={terms} />
      {shown.length < found.rows.length ? <button type="button" class="button" data-testid="more" onClick={() => setPages(pages + 1)}>Show {Math.min(PAGE, found.rows.length - shown.length)} more</button> : null}
    </article>
  );
}

function Results({ index, rows, terms }: { index: SiteIndex; rows: number[]; terms: string[] }) {
  const { value, error, retry } = useLoad(rows.join(), () => Promise.all(rows.map((row) => resultOf(index, row))));
  if (error !== undefined) return <Failed error={error} retry={retry} />;
  if (value === undefined) return rows.length > 0 ? <Waiting /> : null;
  return (
    <ol class="results" data-testid="results">
      {value.map((result) => result === null ? null : (
        <li key={result.unit} data-testid="result">
          <a href={ofUnit(result.unit)}>{result.unit}</a>
          <span class="num strong">{score(result.score)}</span>
          <span class="text"><Marked text={result.text} terms={terms} /></span>
        </li>
      ))}
    </ol>
  );
}

async function resultOf(index: SiteIndex, row: number): Promise<Result | null> {
  const place = placeOfRow(index.sites, row);
  if (place === null) return null;
  const line = await lineAt(index, place);
  return line === null ? null : { ...line, text: visible(line.text ?? "") };
}

/** The text with the words that were found set off; the last one where a word begins with it. */
function Marked({ text, terms }: { text: string; terms: string[] }) {
  const last = terms.at(-1) ?? "";
  const parts = text.split(/([\p{L}\p{N}]+)/u);
  return (
    <>
      {parts.map((part, i) => {
        const lower = part.toLowerCase();
        return i % 2 === 1 && (terms.includes(lower) || (last.length > 1 && lower.startsWith(last))) ? <mark key={i}>{part}</mark> : part;
      })}
    </>
  );
}
