/* The address in the browser, and where each visited page was scrolled to.
 *
 * Browsers restore the scroll position before a page's data has arrived, so it is kept in the history
 * entry and restored once the page is tall enough.
 */
import { useEffect, useState } from "preact/hooks";
import { parse, type Address } from "./address";

const listeners = new Set<() => void>();
let saving: ReturnType<typeof setTimeout> | undefined;
let stopRestoring: (() => void) | undefined;

/** The present address; components that call it are drawn anew when it changes. */
export function useAddress(): Address {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const update = () => setHash(location.hash);
    listeners.add(update);
    return () => void listeners.delete(update);
  }, []);
  return parse(hash);
}

export function go(hash: string): void {
  location.hash = hash;
}

/** Changes the address without a new entry in the history, as filters and redirections do. */
export function replace(hash: string, { keepScroll }: { keepScroll: boolean }): void {
  history.replaceState({ y: keepScroll ? scrollY : 0 }, "", hash);
  for (const listener of listeners) listener();
}

export function start(): void {
  history.scrollRestoration = "manual";
  addEventListener("scroll", () => {
    clearTimeout(saving);
    saving = setTimeout(() => history.replaceState({ y: scrollY }, ""), 80);
  }, { passive: true });
  addEventListener("hashchange", () => {
    clearTimeout(saving);
    for (const listener of listeners) listener();
    restore(keptScroll());
  });
  restore(keptScroll());
}

function keptScroll(): number {
  const state: unknown = history.state;
  return typeof state === "object" && state !== null && "y" in state && typeof state.y === "number" ? state.y : 0;
}

function restore(y: number): void {
  stopRestoring?.();
  const attempt = () => {
    scrollTo({ top: y, behavior: "instant" });
    if (Math.abs(scrollY - y) < 2 && y > 0) stopRestoring?.();
  };
  const observer = new ResizeObserver(attempt);
  const timeout = setTimeout(() => stopRestoring?.(), y > 0 ? 4000 : 0);
  stopRestoring = () => {
    observer.disconnect();
    clearTimeout(timeout);
    for (const kind of ["wheel", "touchstart", "keydown"]) removeEventListener(kind, stop);
  };
  const stop = () => stopRestoring?.();
  for (const kind of ["wheel", "touchstart", "keydown"]) addEventListener(kind, stop, { passive: true });
  attempt();
  if (y > 0) observer.observe(document.body);
}
