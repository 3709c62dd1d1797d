/* Tokens as a heat map, read by pointer, touch or keyboard.
 *
 * A list of lines is one stop of the Tab key; arrows move within it. The value of the token under the
 * pointer or the focus shows in the one label of the page.
 */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { shade } from "../colour";
import { measure } from "../format";
import * as tip from "../tip";
import { pieces, visible } from "../visible";

interface TokenProps {
  token: string;
  value: number | null;
  largest: number;
  lowest?: number;
  /** What the label says; the value by default. */
  says?: string;
  peak?: boolean;
  /** The second of a pair: shown and hovered, but passed over by keys and screen readers. */
  twin?: boolean;
}

export function Token({ token, value, largest, lowest = largest, says, peak = false, twin = false }: TokenProps) {
  const paint = shade(value, largest, lowest);
  const shown = visible(token);
  return (
    <span
      class={`token${paint?.strong === true ? " strong" : ""}${peak ? " peak" : ""}`}
      {...(twin ? { "aria-hidden": true } : { tabIndex: -1 })}
      data-testid="token"
      data-says={says ?? (value === null ? "missing" : measure(value))}
      style={paint === null ? {} : { backgroundColor: paint.background }}
    >
      {shown === "" ? <i class="empty">∅</i> : <Shown text={shown} />}
    </span>
  );
}

/** A token as text: spaces are there, with dots that are drawn and not copied. */
export function Shown({ text }: { text: string }) {
  const parts = pieces(text);
  return <>{parts.map((part, i) => (part.startsWith(" ") ? <span key={i} class="space">{part}</span> : part))}</>;
}

/** Holds lines of tokens (`[data-line]`) and gives them their label and keys. */
export function TokenLines({ label, children }: { label: string; children: ComponentChildren }) {
  const root = useRef<HTMLDivElement>(null);
  const tokenOf = (target: EventTarget | null) => (target as Element | null)?.closest?.<HTMLElement>(".token") ?? null;
  const tell = (event: Event) => {
    const token = tokenOf(event.target);
    if (token === null) tip.hide();
    else tip.show(token, token.textContent, token.dataset["says"] ?? "");
  };
  return (
    <div
      ref={root}
      class="lines"
      role="group"
      aria-label={`${label}. Arrow keys move from token to token.`}
      tabIndex={0}
      data-arrows
      onPointerOver={tell}
      onPointerLeave={tip.hide}
      onClick={(event) => tokenOf(event.target)?.focus({ preventScroll: true })}
      onFocusIn={(event) => {
        const token = tokenOf(event.target);
        token?.setAttribute("aria-describedby", "tip");
        tell(event);
      }}
      onFocusOut={(event) => {
        tokenOf(event.target)?.removeAttribute("aria-describedby");
        tip.hide();
      }}
      onKeyDown={(event) => {
        if (root.current !== null && move(root.current, event)) event.preventDefault();
      }}
    >
      {children}
    </div>
  );
}

/** Moves the focus; true where the key was one of these. */
function move(root: HTMLElement, event: KeyboardEvent): boolean {
  if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Escape"].includes(event.key)) return false;
  const lines = [...root.querySelectorAll<HTMLElement>("[data-line]")];
  const line = (event.target as Element).closest<HTMLElement>("[data-line]");
  const here = (event.target as Element).closest<HTMLElement>(".token");
  if (event.key === "Escape") {
    tip.hide();
    return true;
  }
  if (line === null || here === null) {
    if (event.target === root) focus(peakOf(lines[0]));
    return event.target === root;
  }
  const tokens = [...line.querySelectorAll<HTMLElement>(".token[tabindex]")].filter((token) => token === here || inSight(token));
  const at = tokens.indexOf(here);
  const row = lines.indexOf(line);
  if (event.key === "ArrowLeft") focus(tokens[at - 1]);
  if (event.key === "ArrowRight") focus(tokens[at + 1]);
  if (event.key === "Home") focus(tokens[0]);
  if (event.key === "End") focus(tokens.at(-1));
  if (event.key === "ArrowUp") focus(peakOf(lines[row - 1]));
  if (event.key === "ArrowDown") focus(peakOf(lines[row + 1]));
  return true;
}

/** False for what a line that is not opened cuts off; its peak always counts as seen. */
function inSight(token: HTMLElement): boolean {
  const window = token.closest(".before, .after");
  if (window === null || token.classList.contains("peak")) return true;
  const [inner, outer] = [token.getBoundingClientRect(), window.getBoundingClientRect()];
  return inner.left >= outer.left - 0.5 && inner.right <= outer.right + 0.5;
}

function peakOf(line: HTMLElement | undefined): HTMLElement | undefined {
  return line?.querySelector<HTMLElement>(".peak") ?? line?.querySelector<HTMLElement>(".token") ?? undefined;
}

function focus(element: HTMLElement | undefined): void {
  element?.focus();
  element?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
