/* Keys: few, and none while something is being typed. Next and previous follow the page's own links. */
import { useEffect, useRef } from "preact/hooks";
import { go } from "./router";

const KEYS: [string, string][] = [
  ["/", "search the explanations"],
  ["j  or  →", "next unit or layer"],
  ["k  or  ←", "previous unit or layer"],
  ["u", "up: from a unit to its layer, from a layer to the model"],
  ["r", "a random unit"],
  ["m", "the map of explanations"],
  ["h", "the model"],
  ["?", "this list"],
  ["← → ↑ ↓", "in a heat map: from token to token, from line to line"],
];

export function Keys({ dialog }: { dialog: { current: HTMLDialogElement | null } }) {
  const own = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current = own.current;
    const press = (event: KeyboardEvent) => handle(event, dialog);
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  return (
    <dialog ref={own} class="keys" aria-labelledby="keys-title" onClick={(event) => event.target === own.current && own.current?.close()}>
      <div>
        <h2 id="keys-title">Keys</h2>
        <dl>
          {KEYS.map(([keys, meaning]) => (
            <div key={keys}>
              <dt>{keys.split("  ").map((key) => (key === "or" ? " or " : key.split(" ").map((one) => <kbd key={one}>{one}</kbd>)))}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog"><button class="button">Close</button></form>
      </div>
    </dialog>
  );
}

function handle(event: KeyboardEvent, dialog: { current: HTMLDialogElement | null }): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialog.current?.open === true) return;
  const target = event.target as HTMLElement;
  if (target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null) return;
  const arrows = target.closest("[data-arrows]") === null;
  const actions: Record<string, () => void> = {
    "/": () => document.querySelector<HTMLInputElement>("#search")?.select(),
    j: () => follow("next"),
    k: () => follow("prev"),
    u: () => follow("up"),
    r: () => go("#/random"),
    m: () => go("#/map"),
    h: () => go("#/"),
    "?": () => dialog.current?.showModal(),
    ...(arrows ? { ArrowRight: () => follow("next"), ArrowLeft: () => follow("prev") } : {}),
  };
  const action = actions[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
}

function follow(relation: string): void {
  document.querySelector<HTMLAnchorElement>(`main a[rel="${relation}"]`)?.click();
}
