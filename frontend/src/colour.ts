/* Colours of numbers: orange for activation and blue for its opposite, and a scale for the map.
 *
 * Shading is by value over the largest value, as neuroscribe/heatmap.py shades. The map's scale rises
 * evenly in lightness and keeps its order for colour-blind eyes (anchors read off viridis).
 */

const POSITIVE = "255,140,0";
const NEGATIVE = "74,144,255";
// On the dark page, white text keeps a contrast of 4.5 up to these depths and black text from them on.
const STRONG_POSITIVE = 0.69;
const STRONG_NEGATIVE = 0.77;

export interface Shade {
  background: string;
  strong: boolean;
}

/**
 * How a token of that value is painted, or null for no paint.
 *
 * @param largest the value of the full positive colour
 * @param lowest the size of a negative value of full colour; for a unit that is hardly ever active it
 *   is larger, or everything would be blue
 */
export function shade(value: number | null, largest: number, lowest = largest): Shade | null {
  const full = value !== null && value < 0 ? lowest : largest;
  if (value === null || value === 0 || full <= 0) return null;
  const depth = Math.min(1, Math.abs(value) / full);
  if (depth < 0.004) return null;
  return {
    background: `rgba(${value > 0 ? POSITIVE : NEGATIVE},${depth.toFixed(3)})`,
    strong: depth > (value > 0 ? STRONG_POSITIVE : STRONG_NEGATIVE),
  };
}

const ANCHORS: [number, number, number][] = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];

/** A colour of the scale, `at` from 0 to 1, kept off the end that would melt into the background. */
export function ramp(at: number, dark: boolean): [number, number, number] {
  const kept = Math.min(1, Math.max(0, at));
  const position = (dark ? 0.28 + kept * 0.72 : kept * 0.88) * (ANCHORS.length - 1);
  const below = Math.min(ANCHORS.length - 2, Math.floor(position));
  const share = position - below;
  const from = ANCHORS[below] as [number, number, number];
  const to = ANCHORS[below + 1] as [number, number, number];
  return [0, 1, 2].map((channel) => {
    const start = from[channel] ?? 0;
    return Math.round(start + ((to[channel] ?? 0) - start) * share);
  }) as [number, number, number];
}

export function css([red, green, blue]: [number, number, number]): string {
  return `rgb(${red},${green},${blue})`;
}

/** A colour variable of the style sheet as it is at this moment: canvases need the value. */
export function ink(variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
