/* The table of a layer's units. Only the rows on the screen exist as elements.
 *
 * The page itself scrolls, so that phones and the back button behave as everywhere; two spacer rows
 * stand for what is above and below. Every row is of one height.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ofUnit } from "../address";
import { measure, MISSING, percent, score } from "../format";
import { useMedia } from "../hooks";
import type { NumberColumn, SiteRows } from "../rows";
import type { Sort, SortColumn } from "../table";
import { visible } from "../visible";
import { Interval } from "./small";

const HEIGHT = 33;
const HEIGHT_NARROW = 62;
const MARGIN = 12; // rows kept beyond each edge of the screen

interface Column {
  name: SortColumn;
  title: string;
  numeric: boolean;
  /** Dropped where the screen is narrower than this many pixels. */
  from: number;
  width: string;
}

const COLUMNS: Column[] = [
  { name: "unit", title: "Unit", numeric: false, from: 0, width: "8.5rem" },
  { name: "text", title: "Explanation", numeric: false, from: 0, width: "auto" },
  { name: "score", title: "Score", numeric: true, from: 0, width: "4.4rem" },
  { name: "low", title: "95% interval", numeric: false, from: 760, width: "9rem" },
  { name: "random", title: "Random", numeric: true, from: 1000, width: "5rem" },
  { name: "lookup", title: "Look-up", numeric: true, from: 1000, width: "5.2rem" },
  { name: "density", title: "Density", numeric: true, from: 560, width: "5.4rem" },
  { name: "max", title: "Max", numeric: true, from: 760, width: "4.6rem" },
  { name: "mean", title: "Mean", numeric: true, from: 1100, width: "5.4rem" },
  { name: "explainer", title: "Explainer", numeric: false, from: 1280, width: "12rem" },
];

interface Props {
  rows: SiteRows;
  places: ArrayLike<number>;
  sort: Sort;
  onSort(sort: Sort): void;
  descriptions: Record<string, string>;
  from: number;
}

export function UnitTable({ rows, places, sort, onSort, descriptions, from }: Props) {
  const narrow = useMedia("(max-width: 559px)");
  const height = narrow ? HEIGHT_NARROW : HEIGHT;
  const body = useRef<HTMLTableSectionElement>(null);
  const [[first, last], setRange] = useState<[number, number]>([0, 40]);
  useLayoutEffect(() => {
    const update = () => {
      if (body.current === null) return;
      const top = -body.current.getBoundingClientRect().top;
      const from = Math.max(0, Math.floor(top / height) - MARGIN);
      const to = Math.ceil((top + innerHeight) / height) + MARGIN;
      // Steps of a few rows: not every pixel of scrolling draws the table anew.
      setRange((old) => (Math.abs(old[0] - from) < 4 && Math.abs(old[1] - to) < 4 ? old : [from, to]));
    };
    update();
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update);
    return () => {
      removeEventListener("scroll", update);
      removeEventListener("resize", update);
    };
  }, [height, places.length]);
  const end = Math.min(places.length, Math.max(last, first));
  const begin = Math.min(first, end);
  useEffect(() => {
    for (let i = begin; i < end; i += 1) rows.loadAt(places[i] ?? 0).catch(() => undefined); // the page tells
  }, [begin, end, places, rows]);
  const shown = useColumns();
  return (
    <table class={`units${narrow ? " narrow" : ""}`} data-testid="units" aria-rowcount={places.length + 1}>
      <colgroup>{shown.map((column) => <col key={column.name} style={{ width: column.width }} />)}</colgroup>
      <thead>
        <tr aria-rowindex={1}>
          {shown.map((column) => (
            <th key={column.name} scope="col" class={column.numeric ? "num" : ""} aria-sort={sort.column === column.name ? (sort.falling ? "descending" : "ascending") : "none"} title={descriptions[column.name] ?? ""}>
              <button type="button" data-testid={`sort-${column.name}`} onClick={() => onSort(turned(sort, column))}>
                {column.title}<span aria-hidden="true" class="arrow">{sort.column === column.name ? (sort.falling ? "↓" : "↑") : ""}</span>
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <tr aria-hidden="true" class="spacer" style={{ height: `${begin * height}px` }}><td colSpan={shown.length} /></tr>
        {Array.from({ length: end - begin }, (_, i) => {
          const place = places[begin + i] ?? 0;
          return <Row key={place} rows={rows} place={place} position={begin + i} columns={shown} height={height} narrow={narrow} from={from} />;
        })}
        <tr aria-hidden="true" class="spacer" style={{ height: `${(places.length - end) * height}px` }}><td colSpan={shown.length} /></tr>
      </tbody>
    </table>
  );
}

interface RowProps {
  rows: SiteRows;
  place: number;
  position: number;
  columns: Column[];
  height: number;
  narrow: boolean;
  from: number;
}

function Row({ rows, place, position, columns, height, narrow, from }: RowProps) {
  const name = rows.name(place);
  const known = rows.has(place);
  const written = rows.text[place] ?? null;
  const text = written === null ? null : visible(written);
  const number = (column: NumberColumn) => rows.number(column, place);
  const cell = (column: Column) => {
    switch (column.name) {
      case "unit":
        return <th key="unit" scope="row"><a href={ofUnit(name)} data-testid="unit-link">{narrow ? name : name.slice(rows.site.name.length + 1)}</a></th>;
      case "text":
        return <td key="text" class={`text${text === null ? " quiet" : ""}`} title={text ?? ""}>{narrow ? <div class="clamp">{text ?? (known ? "not explained" : "…")}</div> : text ?? (known ? MISSING : "…")}</td>;
      case "score": {
        const value = number("score");
        return <td key="score" class="num strong"><span class="meter" style={{ width: `${100 * Math.max(0, value ?? 0)}%` }} />{score(value)}</td>;
      }
      case "low":
        return <td key="low">{number("score") === null ? "" : <Interval value={number("score")} low={number("low")} high={number("high")} random={number("random")} lookup={number("lookup")} from={from} />}</td>;
      case "explainer":
        return <td key="explainer" class="text quiet">{rows.explainer[place] ?? ""}</td>;
      case "density":
        return <td key="density" class="num">{percent(number("density"))}</td>;
      case "random":
      case "lookup":
        return <td key={column.name} class="num">{score(number(column.name))}</td>;
      default:
        return <td key={column.name} class="num">{measure(number(column.name))}</td>;
    }
  };
  return (
    <tr aria-rowindex={position + 2} data-testid="unit-row" data-unit={name} style={{ height: `${height}px` }} onClick={(event) => open(event, name)}>
      {columns.map(cell)}
    </tr>
  );
}

function useColumns(): Column[] {
  const wide = useMedia("(min-width: 1280px)");
  const large = useMedia("(min-width: 1100px)");
  const medium = useMedia("(min-width: 1000px)");
  const small = useMedia("(min-width: 760px)");
  const tiny = useMedia("(min-width: 560px)");
  const width = wide ? 1280 : large ? 1100 : medium ? 1000 : small ? 760 : tiny ? 560 : 0;
  return COLUMNS.filter((column) => column.from <= width);
}

/** Numbers fall at first, names rise; a second press turns the order. */
function turned(sort: Sort, column: Column): Sort {
  if (sort.column === column.name) return { column: column.name, falling: !sort.falling };
  return { column: column.name, falling: column.numeric || column.name === "low" };
}

/** A press anywhere on a row opens its unit, unless text is being selected. */
function open(event: MouseEvent, name: string): void {
  if ((event.target as Element).closest("a") !== null || getSelection()?.isCollapsed === false) return;
  location.hash = ofUnit(name);
}
