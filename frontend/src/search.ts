/* Full-text search over explanations by the prebuilt index: one shard per word, no server.
 *
 * A unit's rank is the sum of its words' rarity, log(N / n). The last word also matches as a
 * beginning while it is being typed, so results show before the word is whole.
 */
import type { SearchShard } from "./contract";
import { decodeRows, shardOf, termsOf } from "./terms";

export interface Found {
  /** Rows, best first; equal ones by row. */
  rows: number[];
  /** Words that nearly every explanation holds and that the index leaves out. */
  ignored: string[];
  /** Words that no explanation holds. */
  absent: string[];
}

export interface Index {
  shards: number;
  ignored: readonly string[];
  /** How many explained units there are. */
  size: number;
  load(shard: number): Promise<SearchShard>;
}

export async function find(query: string, index: Index): Promise<Found> {
  const terms = termsOf(query);
  const last = /[\p{L}\p{N}]$/u.test(query) ? terms.at(-1) : undefined;
  const wanted = [...new Set(terms)];
  const ignored = wanted.filter((term) => index.ignored.includes(term));
  const weights = new Map<number, number>();
  const absent: string[] = [];
  for (const term of wanted) {
    // The beginning of a word can be sought only where two characters name its shard.
    const open = term === last && [...term].length >= 2;
    if (ignored.includes(term)) continue;
    const shard = await index.load(shardOf(term, index.shards));
    const lists = Object.entries(shard.terms)
      .filter(([held]) => (open ? held.startsWith(term) : held === term))
      .map(([, deltas]) => decodeRows(deltas));
    const rows = new Set(lists.flat());
    if (rows.size === 0) absent.push(term);
    const rarity = Math.log(1 + index.size / Math.max(1, rows.size));
    for (const row of rows) weights.set(row, (weights.get(row) ?? 0) + rarity);
  }
  const rows = [...weights].sort(([a, x], [b, y]) => y - x || a - b).map(([row]) => row);
  return { rows, ignored, absent };
}
