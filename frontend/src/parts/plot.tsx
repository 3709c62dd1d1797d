/* A uPlot in a figure: made anew where its settings, the theme or the width change. */
import { useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { ink } from "../colour";
import { useTheme } from "../theme";
import { useWidth } from "../hooks";

export interface Inks {
  accent: string;
  bar: string;
  text: string;
  quiet: string;
  line: string;
}

interface Props {
  /** What the plot shows, for those who cannot see it. */
  label: string;
  height: number;
  /** Changes where `options` would. */
  version: string;
  options(inks: Inks): Omit<uPlot.Options, "width" | "height">;
  data: uPlot.AlignedData;
  testid: string;
  onPlot?(plot: uPlot | null): void;
}

export function Plot({ label, height, version, options, data, testid, onPlot }: Props) {
  const { element, width } = useWidth<HTMLDivElement>();
  const { dark } = useTheme();
  const plot = useRef<uPlot | null>(null);
  useLayoutEffect(() => {
    if (element.current === null || width === 0) return;
    const inks = { accent: ink("--accent"), bar: ink("--fill"), text: ink("--text"), quiet: ink("--quiet"), line: ink("--line") };
    const made = new uPlot({ ...options(inks), width, height }, data, element.current);
    plot.current = made;
    onPlot?.(made);
    return () => {
      onPlot?.(null);
      made.destroy();
    };
  }, [version, dark, width, height]);
  return <div ref={element} class="plot" style={{ height: `${height}px` }} role="img" aria-label={label} data-testid={testid} />;
}

/** Axes in the page's own inks and type. */
export function axis(inks: Inks, more: uPlot.Axis): uPlot.Axis {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return {
    stroke: inks.quiet,
    font,
    labelFont: font,
    labelSize: 16,
    gap: 3,
    grid: { stroke: inks.line, width: 1 },
    ticks: { stroke: inks.line, width: 1, size: 4 },
    ...more,
  };
}
