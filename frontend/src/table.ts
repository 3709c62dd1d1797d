/* Which units of a layer the table shows, and in which order. */
import type { NumberColumn, SiteRows } from "./rows";

export type SortColumn = "unit" | "text" | "explainer" | NumberColumn;

export interface Sort {
  column: SortColumn;
  falling: boolean;
}

export interface Filter {
  text: string;
  minimum: number | null;
  explained: boolean;
}

export const NATURAL: Sort = { column: "unit", falling: false };

/** Whether every block must be there before the order is right. */
export function needsAll(sort: Sort, filter: Filter): boolean {
  return sort.column !== "unit" || filter.text !== "" || filter.minimum !== null || filter.explained;
}

/** The places to show, in order; what has no value comes last whichever way the order runs. */
export function arrange(rows: SiteRows, sort: Sort, filter: Filter): Int32Array {
  const wanted = filter.text.trim().toLowerCase();
  const scores = rows.numbers.score;
  const selected: number[] = [];
  for (let place = 0; place < rows.site.count; place += 1) {
    const text = rows.text[place] ?? null;
    if (filter.explained && text === null) continue;
    // A missing score is NaN and passes no minimum.
    if (filter.minimum !== null && !((scores[place] ?? NaN) >= filter.minimum)) continue;
    if (wanted !== "" && !(text ?? "").toLowerCase().includes(wanted) && !rows.name(place).endsWith(`/${wanted}`)) continue;
    selected.push(place);
  }
  const places = Int32Array.from(selected);
  if (sort.column === "unit") return sort.falling ? places.reverse() : places;
  return places.sort(sort.column === "text" || sort.column === "explainer" ? byText(rows[sort.column], sort.falling) : byNumber(rows.numbers[sort.column], sort.falling));
}

/** `-score` for falling; the form in addresses. */
export function written(sort: Sort): string {
  return `${sort.falling ? "-" : ""}${sort.column}`;
}

export function read(text: string | null, columns: readonly string[]): Sort {
  const column = (text ?? "").replace(/^-/, "");
  return columns.includes(column) ? { column: column as SortColumn, falling: text?.startsWith("-") === true } : NATURAL;
}

function byNumber(values: Float64Array, falling: boolean): (a: number, b: number) => number {
  return (a, b) => {
    const [x, y] = [values[a] ?? NaN, values[b] ?? NaN];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
    return (falling ? y - x : x - y) || a - b;
  };
}

function byText(values: (string | null)[], falling: boolean): (a: number, b: number) => number {
  return (a, b) => {
    const [x, y] = [values[a] ?? null, values[b] ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    return (x < y ? -1 : x > y ? 1 : 0) * (falling ? -1 : 1) || a - b;
  };
}
