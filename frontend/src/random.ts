/* A unit drawn by chance, an explained one where the study has any. */
import type { SiteIndex } from "./contract";
import { rowsOf } from "./rows";

const TRIES = 12;

/** The name of a unit; every explained unit of a block of rows is equally likely to be met. */
export async function randomUnit(index: SiteIndex): Promise<string | null> {
  const explained = index.sites.reduce((sum, site) => sum + site.explained, 0);
  const weight = (site: { explained: number; count: number }) => (explained > 0 ? site.explained : site.count);
  const total = index.sites.reduce((sum, site) => sum + weight(site), 0);
  let left = Math.random() * total;
  const folder = index.sites.findIndex((site) => (left -= weight(site)) < 0);
  const site = index.sites[folder];
  if (site === undefined) return null;
  const rows = rowsOf(index, folder);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const place = Math.floor(Math.random() * site.count);
    await rows.loadAt(place);
    const found = explained === 0 ? place : near(rows.text, place, index.blocks.rows);
    if (found !== null) return rows.name(found);
  }
  await rows.loadAll(() => true);
  const any = rows.text.findIndex((text) => text !== null);
  return rows.name(Math.max(0, any));
}

/** A random explained place of the block around `place`. */
function near(text: (string | null)[], place: number, blockSize: number): number | null {
  const start = Math.floor(place / blockSize) * blockSize;
  const held = [];
  for (let i = start; i < Math.min(text.length, start + blockSize); i += 1) {
    if (text[i] !== null && text[i] !== undefined) held.push(i);
  }
  return held[Math.floor(Math.random() * held.length)] ?? null;
}
