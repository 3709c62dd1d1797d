/* The frame of every page: header, search, keys, and the page that the address names. */
import { Component, type ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ofSearch, type Address } from "./address";
import type { SiteIndex } from "./contract";
import { useLoad } from "./hooks";
import { Keys } from "./keys";
import { loadIndex, LoadError } from "./load";
import { JsonPage } from "./pages/json";
import { LayerPage } from "./pages/layer";
import { MapPage } from "./pages/map";
import { Failed, Missing, Waiting } from "./pages/missing";
import { ModelPage } from "./pages/model";
import { RandomPage } from "./pages/random";
import { SearchPage } from "./pages/search";
import { UnitPage } from "./pages/unit";
import { go, replace, useAddress } from "./router";
import { after, choose, useTheme, type Choice } from "./theme";

const FORMAT = 1;
const THEMES: Record<Choice, string> = { auto: "as the system", light: "light", dark: "dark" };

export function App() {
  const address = useAddress();
  const dialog = useRef<HTMLDialogElement | null>(null);
  const { value: index, error, retry } = useLoad("site.json", readIndex);
  const main = useRef<HTMLElement>(null);
  const path = pathOf(address);
  const first = useRef(true);
  useEffect(() => {
    // After a step to another page the focus goes there too, but never out of the box one types in.
    if (first.current) first.current = false;
    else if (document.activeElement?.id !== "search") main.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <>
      <Header skip={() => main.current?.focus()} address={address} {...(index === undefined ? {} : { index })} help={() => dialog.current?.showModal()} />
      <main ref={main} id="main" tabIndex={-1}>
        {error !== undefined ? (
          <Failed error={error} retry={retry} />
        ) : index === undefined ? (
          <Waiting />
        ) : (
          <Guard path={path}>
            <Page address={address} index={index} />
          </Guard>
        )}
      </main>
      <Keys dialog={dialog} />
    </>
  );
}

async function readIndex(): Promise<SiteIndex> {
  const index = await loadIndex();
  if (index.format !== FORMAT) {
    throw new LoadError(
      `data/site.json is of format ${String(index.format)}; this page reads format ${FORMAT}.`,
      "Page and data come from different versions of Neuroscribe: build the site anew into an empty folder.",
    );
  }
  return index;
}

/** Pages of one kind stay mounted from unit to unit; queries are no new page. */
function pathOf(address: Address): string {
  return address.page === "layer" ? `layer ${address.site}` : "unit" in address ? `${address.page} ${address.unit}` : address.page;
}

function Page({ address, index }: { address: Address; index: SiteIndex }) {
  switch (address.page) {
    case "model":
      return <ModelPage index={index} />;
    case "layer":
      return <LayerPage key={address.site} index={index} name={address.site} query={address.query} />;
    case "unit":
      return <UnitPage index={index} name={address.unit} />;
    case "json":
      return <JsonPage index={index} name={address.unit} />;
    case "search":
      return <SearchPage index={index} query={address.query} />;
    case "map":
      return <MapPage index={index} />;
    case "random":
      return <RandomPage index={index} />;
    case "unknown":
      return <Missing index={index} shown={address.shown} />;
  }
}

function Header({ address, index, help, skip }: { address: Address; index?: SiteIndex; help: () => void; skip: () => void }) {
  const { choice } = useTheme();
  const current = (page: Address["page"]) => (address.page === page ? { "aria-current": "page" as const } : {});
  return (
    <header class="top">
      <a class="skip" href="#/" onClick={(event) => (event.preventDefault(), skip())}>Skip to content</a>
      <a class="brand" href="#/" title="The model (h)">
        <svg width="34" height="14" viewBox="0 0 34 14" aria-hidden="true">
          <rect class="b1" x="0" y="2" width="10" height="10" rx="2" /><rect class="b2" x="12" y="2" width="10" height="10" rx="2" /><rect class="b3" x="24" y="2" width="10" height="10" rx="2" />
        </svg>
        <span>{index?.title ?? "Neuroscribe"}</span>
      </a>
      <SearchBox address={address} />
      <nav aria-label="Pages">
        <a href="#/" {...current("model")}>Model</a>
        {index?.map === null ? null : <a href="#/map" {...current("map")}>Map</a>}
        <a href="#/random" title="A random unit (r)">Random</a>
        <button type="button" class="icon" title={`Theme: ${THEMES[choice]}`} aria-label={`Theme: ${THEMES[choice]}. Switch to ${THEMES[after(choice)]}`} data-testid="theme" onClick={() => choose(after(choice))}>
          <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.4" />{choice === "light" ? null : <path d={choice === "dark" ? "M8 2a6 6 0 0 1 0 12a6 6 0 0 1 0-12z" : "M8 2a6 6 0 0 1 0 12z"} fill="currentColor" />}</svg>
        </button>
        <button type="button" class="icon" title="Keys (?)" aria-label="Show the keys" onClick={help}>?</button>
      </nav>
    </header>
  );
}

function SearchBox({ address }: { address: Address }) {
  const asked = address.page === "search" ? (address.query.get("q") ?? "") : "";
  const [text, setText] = useState(asked);
  const waiting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(asked), [asked]);
  const type = (value: string) => {
    setText(value);
    clearTimeout(waiting.current);
    if (address.page === "search") waiting.current = setTimeout(() => replace(ofSearch(value), { keepScroll: false }), 150);
  };
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        clearTimeout(waiting.current);
        if (address.page === "search") replace(ofSearch(text), { keepScroll: false });
        else go(ofSearch(text));
      }}
    >
      <input id="search" data-testid="search" type="search" value={text} placeholder="Search explanations" aria-label="Search explanations" aria-keyshortcuts="/" autocomplete="off" spellcheck={false} enterkeyhint="search" onInput={(event) => type(event.currentTarget.value)} />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

/** A defect of one page shows as a message on that page; the others go on working. */
class Guard extends Component<{ path: string; children: ComponentChildren }, { error: Error | null }> {
  override state = { error: null as Error | null };

  override componentDidUpdate(before: { path: string }): void {
    if (before.path !== this.props.path && this.state.error !== null) this.setState({ error: null });
  }

  override componentDidCatch(error: unknown): void {
    this.setState({ error: error instanceof Error ? error : new Error(String(error)) });
  }

  override render() {
    const { error } = this.state;
    return error === null ? this.props.children : <Failed error={error} retry={() => this.setState({ error: null })} />;
  }
}
