/* One unit's line of the unit table, for pages that show units of many sites beside each other.
 *
 * It takes one block, kept among the other blocks; a whole table (rows.ts) would be made anew for each
 * site, since only the last few are kept.
 */
import type { Rows, SiteIndex } from "./contract";
import { load } from "./load";
import { blockOf, unitAt, unitName, type Place } from "./place";

export interface Line {
  unit: string;
  text: string | null;
  score: number | null;
}

/** The line at a place, or null where the site holds no such place. */
export async function lineAt(index: SiteIndex, { site, folder, place }: Place): Promise<Line | null> {
  const unit = unitAt(site, place);
  if (unit === null) return null;
  const size = index.blocks.rows;
  const rows = await load<Rows>(`rows/${folder}/${blockOf(place, size)}.json.gz`);
  return { unit: unitName(site.name, ...unit), text: rows.text[place % size] ?? null, score: rows.score[place % size] ?? null };
}
