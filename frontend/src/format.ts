/* Numbers as people read them: as many digits as carry meaning, a true minus, a dash for missing. */

export const MISSING = "–";

/** A score or a similarity: two decimals, so that columns line up. */
export function score(value: number | null): string {
  if (value === null) return MISSING;
  const text = Math.abs(value).toFixed(2);
  return value < 0 && text !== "0.00" ? `−${text}` : text;
}

/** A measured number: three significant digits, powers of ten where zeros would fill the line. */
export function measure(value: number | null, digits = 3): string {
  if (value === null) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text =
    size >= 1e6 || size < 1e-4
      ? size.toExponential(digits - 1).replace(/e([+-])(\d+)$/, (_, sign: string, power: string) =>
          `·10${[...(sign === "-" ? "-" : "") + power].map((digit) => RAISED[digit]).join("")}`,
        )
      : size >= 10 ** digits
        ? count(Math.round(size))
        : size.toPrecision(digits);
  return value < 0 ? `−${text}` : text;
}

/** A whole number, thousands apart. */
export function count(value: number | null): string {
  return value === null ? MISSING : Math.round(value).toLocaleString("en-US").replace("-", "−");
}

/** A share of tokens: `3.1 %`. */
export function percent(share: number | null): string {
  if (share === null) return MISSING;
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.001) return "<0.001 %";
  return `${value >= 10 ? value.toFixed(1) : value.toPrecision(2)} %`;
}

/** A power of ten as a share, for the ticks of an axis: `-2` is `1 %`. */
export function percentTick(power: number): string {
  return Number.isInteger(power) ? `${Number((10 ** (power + 2)).toPrecision(1))} %` : "";
}

export function dollars(value: number | null): string {
  if (value === null) return MISSING;
  if (value === 0) return "$0";
  return value < 1 ? `$${Number(value.toPrecision(2)).toFixed(value < 0.001 ? 6 : 4).replace(/0+$/, "")}` : `$${value.toFixed(2)}`;
}

/** An ISO time as `2026-05-04 12:30 UTC`; anything else as it is. */
export function time(iso: string): string {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)/.exec(iso);
  return match === null ? iso : `${match[1]} ${match[2]} UTC`;
}

/** `1 unit`, `2 units`. */
export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

const RAISED: Record<string, string> = {
  "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴",
  "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
};
