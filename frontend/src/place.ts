/* Where a unit lies: arithmetic instead of an index that would have to load first.
 *
 * A unit's place is its position among its site's units (by index, the positive side first), its row
 * the position among all sites.
 */
import type { Polarity, SiteIndex, SiteSummary } from "./contract";

export interface Place {
  site: SiteSummary;
  /** The site's position in site.json: the name of its folders. */
  folder: number;
  place: number;
}

/** The unit at a place, or null outside the site. */
export function unitAt(site: SiteSummary, place: number): [index: number, polarity: Polarity] | null {
  if (place < 0 || place >= site.count) return null;
  if (site.units !== null) return site.units[place] ?? null;
  const sides = site.polarities.length;
  return [Math.floor(place / sides), site.polarities[place % sides] ?? 1];
}

/** The place of a unit, or null where the site has no such unit. */
export function placeOf(site: SiteSummary, index: number, polarity: Polarity): number | null {
  if (site.units !== null) return search(site.units, index, polarity);
  const side = site.polarities.indexOf(polarity);
  const place = index * site.polarities.length + side;
  return side >= 0 && place < site.count ? place : null;
}

/** The site and place of a row among all sites, or null past the end. */
export function placeOfRow(sites: SiteSummary[], row: number): Place | null {
  let low = 0;
  let high = sites.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sites[middle]?.first_row ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  const site = sites[low];
  const place = row - (site?.first_row ?? 0);
  return site !== undefined && place >= 0 && place < site.count ? { site, folder: low, place } : null;
}

export function blockOf(place: number, blockSize: number): number {
  return Math.floor(place / blockSize);
}

/** `mlp.5/1021`, and `mlp.5/1021-` for the negative side. */
export function unitName(site: string, index: number, polarity: Polarity): string {
  return `${site}/${index}${polarity < 0 ? "-" : ""}`;
}

/** Finds a unit by its written name, such as those of neighbours. */
export function placeOfName(index: SiteIndex, name: string): Place | null {
  const match = /^(.*)\/(\d+)(-?)$/s.exec(name);
  if (match === null) return null;
  const folder = index.sites.findIndex((site) => site.name === match[1]);
  const site = index.sites[folder];
  if (site === undefined) return null;
  const place = placeOf(site, Number(match[2]), match[3] === "-" ? -1 : 1);
  return place === null ? null : { site, folder, place };
}

function search(units: [number, Polarity][], index: number, polarity: Polarity): number | null {
  let low = 0;
  let high = units.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [seen, side] = units[middle] ?? [Infinity, 1];
    if (seen === index && side === polarity) return middle;
    if (seen < index || (seen === index && side > polarity)) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}
