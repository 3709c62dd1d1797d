/* The unit table of one site: columns for all of its units, filled block by block.
 *
 * Columns instead of objects: 131,072 units are then a few megabytes and sort in a tenth of a second.
 * NaN marks a missing number inside the columns; `null` is what leaves them.
 */
import type { Rows, SiteIndex, SiteSummary } from "./contract";
import { fetchJson, Recent } from "./load";
import { unitAt, unitName } from "./place";

export const NUMBERS = ["score", "low", "high", "random", "lookup", "density", "max", "mean"] as const;
export type NumberColumn = (typeof NUMBERS)[number];

const AT_ONCE = 4;
const kept = new Recent<SiteRows>(3);

export class SiteRows {
  readonly numbers: Record<NumberColumn, Float64Array>;
  readonly text: (string | null)[];
  readonly explainer: (string | null)[];
  readonly blocks: number;
  loaded = 0;
  private readonly state: (Promise<void> | "loaded" | undefined)[];
  private readonly listeners = new Set<() => void>();

  constructor(
    readonly site: SiteSummary,
    private readonly folder: number,
    private readonly blockSize: number,
  ) {
    this.blocks = Math.ceil(site.count / blockSize);
    this.state = new Array<Promise<void> | "loaded" | undefined>(this.blocks).fill(undefined);
    this.text = new Array<string | null>(site.count).fill(null);
    this.explainer = new Array<string | null>(site.count).fill(null);
    this.numbers = Object.fromEntries(
      NUMBERS.map((name) => [name, new Float64Array(site.count).fill(NaN)]),
    ) as Record<NumberColumn, Float64Array>;
  }

  get complete(): boolean {
    return this.loaded === this.blocks;
  }

  has(place: number): boolean {
    return this.state[Math.floor(place / this.blockSize)] === "loaded";
  }

  number(column: NumberColumn, place: number): number | null {
    const value = this.numbers[column][place];
    return value === undefined || Number.isNaN(value) ? null : value;
  }

  name(place: number): string {
    const [index, polarity] = unitAt(this.site, place) ?? [place, 1];
    return unitName(this.site.name, index, polarity);
  }

  /** Loads the block that holds a place. */
  async loadAt(place: number): Promise<void> {
    const block = Math.floor(place / this.blockSize);
    const state = this.state[block];
    if (state === "loaded" || block >= this.blocks) return;
    if (state !== undefined) return state;
    const loading = this.fill(block);
    this.state[block] = loading;
    try {
      await loading;
    } catch (error) {
      this.state[block] = undefined; // so that the next visit tries again
      throw error;
    }
  }

  /** Loads what is missing, a few blocks at a time and in order; stops where `wanted` turns false. */
  async loadAll(wanted: () => boolean): Promise<void> {
    let next = 0;
    const work = async () => {
      while (next < this.blocks && wanted()) await this.loadAt(this.blockSize * next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private async fill(block: number): Promise<void> {
    const rows = (await fetchJson(`rows/${this.folder}/${block}.json.gz`)) as Rows;
    const start = block * this.blockSize;
    rows.text.forEach((text, i) => {
      this.text[start + i] = text;
      this.explainer[start + i] = rows.explainer[i] ?? null;
      for (const name of NUMBERS) this.numbers[name][start + i] = rows[name][i] ?? NaN;
    });
    this.state[block] = "loaded";
    this.loaded += 1;
    for (const listener of this.listeners) listener();
  }
}

/** The table of a site; the last few are kept. */
export function rowsOf(index: SiteIndex, folder: number): SiteRows {
  const site = index.sites[folder];
  if (site === undefined) throw new RangeError(`no site ${folder}`);
  const key = String(folder);
  const rows = kept.get(key) ?? new SiteRows(site, folder, index.blocks.rows);
  kept.set(key, rows);
  return rows;
}
