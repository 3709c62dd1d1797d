/* A unit as JSON, to read, copy or keep. */
import { useState } from "preact/hooks";
import { ofUnit } from "../address";
import type { SiteIndex } from "../contract";
import { count } from "../format";
import { useLoad, useTitle } from "../hooks";
import { placeOfName, type Place } from "../place";
import { written } from "../pretty";
import { asJson, loadUnit } from "../unit";
import { Failed, Missing, Waiting } from "./missing";

export function JsonPage({ index, name }: { index: SiteIndex; name: string }) {
  const place = placeOfName(index, name);
  return place === null ? <Missing index={index} shown={name} /> : <Found index={index} name={name} place={place} />;
}

function Found({ index, name, place }: { index: SiteIndex; name: string; place: Place }) {
  useTitle(`${name} as JSON · ${index.title}`);
  const { value, error, retry } = useLoad(name, async () => written(asJson(await loadUnit(index, place, name))));
  const [said, setSaid] = useState("");
  if (error !== undefined) return <Failed error={error} retry={retry} />;
  if (value === undefined) return <Waiting />;
  const copy = () => {
    // Only secure addresses (https, localhost) have a clipboard.
    const copying = navigator.clipboard?.writeText(value) ?? Promise.reject(new Error("no clipboard"));
    copying.then(() => setSaid("Copied."), () => setSaid("This browser does not let the page copy: select the text instead."));
  };
  return (
    <article>
      <header class="title">
        <p class="crumbs"><a href={ofUnit(name)} rel="up">{name}</a></p>
        <h1>{name}<small>.json</small></h1>
        <p class="links">
          <button type="button" class="button" data-testid="copy" onClick={copy}>Copy</button>
          <button type="button" class="button" data-testid="download" onClick={() => keep(value, `${name.replaceAll("/", "-")}.json`)}>Download</button>
          <span class="quiet" role="status">{said === "" ? `${count(value.length)} characters` : said}</span>
        </p>
      </header>
      <pre class="json" data-testid="json-text" tabIndex={0} data-arrows>{value}</pre>
    </article>
  );
}

function keep(text: string, name: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
