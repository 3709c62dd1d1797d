import assert from "node:assert/strict";
import { test } from "node:test";
import type { Polarity, SiteIndex, SiteSummary } from "../src/contract";
import { blockOf, placeOf, placeOfName, placeOfRow, unitAt, unitName } from "../src/place";

function site(changes: Partial<SiteSummary>): SiteSummary {
  const none = { edges: [], counts: [] };
  return { name: "mlp.5", kind: "mlp", layer: 5, first_row: 0, count: 10, polarities: [1], units: null, explained: 0, score: null, score_histogram: none, density_histogram: none, ...changes };
}

const BOTH: Polarity[] = [1, -1];
const CHOSEN = site({ count: 4, polarities: BOTH, units: [[3, 1], [3, -1], [17, 1], [90, -1]] });

test("a unit of a site with one sign lies at its index", () => {
  assert.equal(placeOf(site({}), 7, 1), 7);
  assert.deepEqual(unitAt(site({}), 7), [7, 1]);
});

test("two signs take two places, the positive one first", () => {
  assert.equal(placeOf(site({ polarities: BOTH }), 3, 1), 6);
  assert.equal(placeOf(site({ polarities: BOTH }), 3, -1), 7);
  assert.deepEqual(unitAt(site({ polarities: BOTH }), 7), [3, -1]);
});

test("chosen units lie at their position in the list", () => {
  CHOSEN.units?.forEach(([index, polarity], place) => {
    assert.equal(placeOf(CHOSEN, index, polarity), place);
    assert.deepEqual(unitAt(CHOSEN, place), [index, polarity]);
  });
  assert.equal(placeOf(CHOSEN, 17, -1), null);
  assert.equal(placeOf(CHOSEN, 90, 1), null);
  assert.equal(placeOf(CHOSEN, 4, 1), null);
});

test("what a site does not hold has no place", () => {
  assert.equal(placeOf(site({}), 10, 1), null);
  assert.equal(placeOf(site({}), 3, -1), null);
  assert.equal(unitAt(site({}), -1), null);
  assert.equal(unitAt(site({}), 10), null);
});

test("a row names its site, whatever its size", () => {
  const sites = [site({ count: 3 }), site({ name: "b", first_row: 3, count: 1 }), site({ name: "c", first_row: 4, count: 2 })];
  const found = [0, 1, 2, 3, 4, 5, 6, -1].map((row) => placeOfRow(sites, row)).map((at) => (at === null ? null : [at.folder, at.place]));
  assert.deepEqual(found, [[0, 0], [0, 1], [0, 2], [1, 0], [2, 0], [2, 1], null, null]);
});

test("a block is found by division", () => {
  assert.deepEqual([0, 31, 32, 1021].map((place) => blockOf(place, 32)), [0, 0, 1, 31]);
});

test("names are read back, with slashes in the site's name too", () => {
  const index = { sites: [site({ name: "sae.5/a", polarities: BOTH })] } as unknown as SiteIndex;
  assert.equal(unitName("sae.5/a", 2, -1), "sae.5/a/2-");
  assert.equal(placeOfName(index, "sae.5/a/2-")?.place, 5);
  assert.equal(placeOfName(index, "sae.5/b/2-"), null);
  assert.equal(placeOfName(index, "sae.5/a/x"), null);
});
