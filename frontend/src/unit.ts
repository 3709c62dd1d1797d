/* One unit's part of its two blocks. */
import type { ExemplarBlock, SiteIndex, Unit, UnitBlock, UnitExemplars } from "./contract";
import { load, LoadError } from "./load";
import { blockOf, type Place } from "./place";

export interface Loaded {
  place: Place;
  unit: Unit;
  exemplars: UnitExemplars | null;
  /** All sequences of the block; others than this unit's are among them. */
  sequences: ExemplarBlock["sequences"];
}

export async function loadUnit(index: SiteIndex, place: Place, name: string): Promise<Loaded> {
  const path = (kind: "units" | "exemplars") => `${kind}/${place.folder}/${blockOf(place.place, index.blocks[kind])}.json.gz`;
  const [units, exemplars] = await Promise.all([load<UnitBlock>(path("units")), load<ExemplarBlock>(path("exemplars"))]);
  const unit = units.units.find((one) => one.unit === name);
  if (unit === undefined) {
    throw new LoadError(`data/${path("units")} does not hold ${name}.`, "Its blocks and data/site.json come from different builds: load this page anew, or build the site anew into an empty folder.");
  }
  return { place, unit, exemplars: exemplars.units.find((one) => one.unit === name) ?? null, sequences: exemplars.sequences };
}

/** What the site knows of a unit as one object: its entries, and the sequences that they name. */
export function asJson({ unit, exemplars, sequences }: Loaded): object {
  const items = [...(exemplars?.groups ?? []), ...(exemplars?.simulations ?? [])].flatMap((group) => group.items.map((item) => item.s));
  const used = [...new Set(items)].sort((a, b) => Number(a) - Number(b));
  return { ...unit, exemplars, sequences: Object.fromEntries(used.map((key) => [key, sequences[key] ?? null])) };
}
