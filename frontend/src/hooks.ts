/* Loading, widths and media queries as components use them. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Loading<Value> {
  value: Value | undefined;
  error: Error | undefined;
  /** True while `value` is of an earlier key. */
  stale: boolean;
  retry(): void;
}

/** Loads by key; the value of the last key stays until the next has arrived, so pages don't flash. */
export function useLoad<Value>(key: string, loader: () => Promise<Value>): Loading<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; error?: Error }>({ key: "" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let wanted = true;
    loader().then(
      (value) => wanted && setState({ key, value }),
      (error: unknown) => wanted && setState({ key, error: error instanceof Error ? error : new Error(String(error)) }),
    );
    return () => void (wanted = false);
  }, [key, attempt]);
  return {
    value: state.value,
    error: state.key === key ? state.error : undefined,
    stale: state.key !== key,
    retry: () => setAttempt(attempt + 1),
  };
}

/** The width of an element in CSS pixels, 0 before it is laid out. */
export function useWidth<Kind extends HTMLElement>() {
  const element = useRef<Kind>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const seen = element.current;
    if (seen === null) return;
    setWidth(Math.floor(seen.clientWidth));
    const observer = new ResizeObserver(() => setWidth(Math.floor(seen.clientWidth)));
    observer.observe(seen);
    return () => observer.disconnect();
  }, []);
  return { element, width };
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const update = () => setMatches(list.matches);
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, [query]);
  return matches;
}

export function useTitle(title: string): void {
  useEffect(() => void (document.title = title), [title]);
}
