/* Light or dark: as the system says until a person says otherwise, which is remembered if it can be. */
import { useEffect, useState } from "preact/hooks";

export type Choice = "auto" | "light" | "dark";
const KEY = "neuroscribe-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let choice: Choice = remembered();

export function start(): void {
  apply();
  system.addEventListener("change", apply);
}

export function choose(next: Choice): void {
  choice = next;
  remember(KEY, next);
  apply();
}

export function useTheme(): { choice: Choice; dark: boolean } {
  const [, redraw] = useState(0);
  useEffect(() => {
    const update = () => redraw((n) => n + 1);
    listeners.add(update);
    return () => void listeners.delete(update);
  }, []);
  return { choice, dark: isDark() };
}

/** What the button chooses next: first what differs from the system, then what is like it, then automatic. */
export function after(now: Choice): Choice {
  const [unlike, like]: [Choice, Choice] = system.matches ? ["light", "dark"] : ["dark", "light"];
  return now === "auto" ? unlike : now === unlike ? like : "auto";
}

/** Keeps a preference; without storage (private windows, embedded pages) it lasts as long as the page. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage is a convenience here.
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function isDark(): boolean {
  return choice === "auto" ? system.matches : choice === "dark";
}

function remembered(): Choice {
  const kept = recall(KEY);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

function apply(): void {
  document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}
