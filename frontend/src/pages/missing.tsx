/* Pages that say what is not there, what went wrong, and what to do about it. */
import { ofSite, ofUnit } from "../address";
import type { SiteIndex } from "../contract";
import { count } from "../format";
import { useTitle } from "../hooks";
import { LoadError } from "../load";
import { unitAt, unitName } from "../place";

export function Missing({ index, shown }: { index: SiteIndex; shown: string }) {
  const example = index.sites[0];
  const first = example === undefined ? null : unitAt(example, 0);
  const site = index.sites.find((one) => shown.startsWith(`${one.name}/`));
  const what = site === undefined ? "No such page" : "No such unit";
  useTitle(`${what}: ${shown}`);
  return (
    <article class="notice" data-testid="missing">
      <h1>{what}</h1>
      <p>This study holds nothing at <code>{shown}</code>.</p>
      {site === undefined ? null : (
        <p><a href={ofSite(site.name)}>{site.name}</a> has {count(site.count)} units{site.units === null ? <>, numbered from 0 to {count(Math.ceil(site.count / site.polarities.length) - 1)}</> : ", not all of the layer"}.</p>
      )}
      {example === undefined || first === null ? null : (
        <p>
          Addresses look like <a href={ofSite(example.name)}>#/{example.name}</a> for a layer and <a href={ofUnit(unitName(example.name, ...first))}>#/{unitName(example.name, ...first)}</a> for a unit.
        </p>
      )}
      <p>Begin at <a href="#/">the model</a>, search above, or open <a href="#/random">a random unit</a>.</p>
    </article>
  );
}

export function Failed({ error, retry }: { error: Error; retry: () => void }) {
  return (
    <div class="notice" role="alert" data-testid="failed">
      <h1>{error instanceof LoadError ? "Not loaded" : "This page has failed"}</h1>
      <p>{error.message}</p>
      <p>{error instanceof LoadError ? code(error.advice) : "This is a defect of Neuroscribe; other pages should still work."}</p>
      <p><button type="button" class="button" onClick={retry}>Try again</button></p>
    </div>
  );
}

export function Waiting() {
  return <div class="waiting" role="status" aria-live="polite"><span class="quiet">Loading…</span></div>;
}

/** Text between backquotes as code. */
function code(text: string) {
  return text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}
