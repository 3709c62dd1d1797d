import assert from "node:assert/strict";
import { test } from "node:test";
import { ofSearch, ofSite, ofUnit, parse } from "../src/address";
import { barsOf, startingAt, sum } from "../src/bins";
import { shade } from "../src/colour";
import { count, dollars, measure, percent, percentTick, score, time } from "../src/format";
import { Recent, unpacked } from "../src/load";
import { written } from "../src/pretty";
import { paint, pixel, shuffled } from "../src/pixels";
import { pieces, visible } from "../src/visible";

test("what cannot be seen is shown by a sign", () => {
  assert.equal(visible("a\n\r\t\u001b[31m"), "a⏎␍⇥␛[31m");
  assert.equal(visible("\u007f\u009b"), "⟨7f⟩⟨9b⟩");
  assert.equal(visible("a\u200e\u202e\u2066b"), "a⟨200e⟩⟨202e⟩⟨2066⟩b");
  assert.equal(visible("\u200b\ufeff\u00a0"), "⟨200b⟩⟨feff⟩⟨a0⟩");
});

test("what can be seen stays as it is", () => {
  assert.equal(visible(" <img onerror=alert(1)> 𝒳 عربي 👩‍💻".replace("\u200d", "")), " <img onerror=alert(1)> 𝒳 عربي 👩💻");
});

test("spaces stand apart, so that dots can be drawn on them", () => {
  assert.deepEqual(pieces("  a b"), ["  ", "a", " ", "b"]);
  assert.deepEqual(pieces(""), []);
});

test("numbers have the digits that mean something", () => {
  assert.deepEqual([0.4752, -0.016, -0.001, 1, null].map(score), ["0.48", "−0.02", "0.00", "1.00", "–"]);
  assert.deepEqual([0, 1.7819, -0.17, 0.0009766, 1234.5, 3.2e-7, 5.16e6, null].map((x) => measure(x)), ["0", "1.78", "−0.170", "0.000977", "1,235", "3.20·10⁻⁷", "5.16·10⁶", "–"]);
  assert.deepEqual([0, 0.01381, 0.4042, 0.00005, 1e-7, 1].map(percent), ["0 %", "1.4 %", "40.4 %", "0.0050 %", "<0.001 %", "100 %"]);
  assert.deepEqual([307200, -5, null].map(count), ["307,200", "−5", "–"]);
  assert.deepEqual([0, 0.0123, 0.000045, 12.5, null].map(dollars), ["$0", "$0.012", "$0.000045", "$12.50", "–"]);
  assert.deepEqual([-6, -4, -2, -0.5, 0].map(percentTick), ["0.0001 %", "0.01 %", "1 %", "", "100 %"]);
  assert.equal(time("2026-05-04T12:30:18+00:00"), "2026-05-04 12:30 UTC");
});

test("addresses are read and written", () => {
  assert.deepEqual(parse(""), { page: "model" });
  assert.deepEqual(parse("#/mlp.5/1021-"), { page: "unit", unit: "mlp.5/1021-" });
  assert.deepEqual(parse("#/mlp.5/0"), { page: "unit", unit: "mlp.5/0" });
  assert.deepEqual(parse("#/mlp.5/1021-.json"), { page: "json", unit: "mlp.5/1021-" });
  assert.deepEqual(parse(ofUnit("sae 5/ä/7")), { page: "unit", unit: "sae 5/ä/7" });
  assert.equal(ofUnit("sae 5/ä/7"), "#/sae%205%2F%C3%A4/7");
  const layer = parse(ofSite("a?b", new URLSearchParams({ sort: "-score" })));
  assert.equal(layer.page === "layer" && layer.site === "a?b" && layer.query.get("sort"), "-score");
  const search = parse(ofSearch("rain & snow/ice"));
  assert.equal(search.page === "search" && search.query.get("q"), "rain & snow/ice");
});

test("addresses of nothing are known as such", () => {
  for (const hash of ["#/mlp.5/x", "#/mlp.5/0989", "#/a/b/c", "#/%E0%A4%A", "#/mlp.5/1021.xml"]) assert.equal(parse(hash).page, "unknown");
});

test("shades grow with the value, in another colour below zero", () => {
  assert.deepEqual(shade(2, 2), { background: "rgba(255,140,0,1.000)", strong: true });
  assert.deepEqual(shade(-0.5, 2), { background: "rgba(74,144,255,0.250)", strong: false });
  assert.equal(shade(-0.5, 2, 5)?.background, "rgba(74,144,255,0.100)");
  assert.deepEqual([shade(null, 2), shade(0, 2), shade(1, 0)], [null, null, null]);
});

test("bars of unequal bins stand for their counts by area", () => {
  assert.deepEqual(barsOf({ edges: [0, 1, 2], counts: [3, 4] }).heights, [3, 4]);
  const bars = barsOf({ edges: [0, 0.01, 0.02, 1, 3], counts: [5, 5, 10, 10] }, 3);
  assert.deepEqual(bars, { edges: [0, 1, 3], heights: [20, 5], counts: [20, 10], per: 1 });
});

test("empty bins below a value are left out, others never", () => {
  assert.deepEqual(startingAt({ edges: [-1, -0.5, 0, 0.5, 1], counts: [0, 0, 2, 0] }, 0), { edges: [0, 0.5, 1], counts: [2, 0] });
  assert.deepEqual(startingAt({ edges: [-1, -0.5, 0, 0.5, 1], counts: [0, 1, 2, 0] }, 0), { edges: [-0.5, 0, 0.5, 1], counts: [1, 2, 0] });
});

test("histograms of the same edges add up", () => {
  assert.deepEqual(sum([{ edges: [0, 1, 2], counts: [1, 2] }, { edges: [], counts: [] }, { edges: [0, 1, 2], counts: [3, 0] }]), { edges: [0, 1, 2], counts: [4, 2] });
});

test("blocks are unpacked where they are packed", async () => {
  const plain = new TextEncoder().encode("{}");
  const packed = new Uint8Array(await new Response(new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
  const text = async (bytes: Uint8Array<ArrayBuffer>) => new TextDecoder().decode(await unpacked(bytes));
  assert.equal(await text(packed), "{}");
  assert.equal(await text(plain), "{}");
});

test("the block that was not used for longest goes first", () => {
  const recent = new Recent<number>(2);
  recent.set("a", 1);
  recent.set("b", 2);
  recent.get("a");
  recent.set("c", 3);
  assert.deepEqual([recent.get("a"), recent.get("b"), recent.get("c")], [1, undefined, 3]);
});

test("JSON keeps lists of numbers on a line, and is read back as it was", () => {
  const value = { a: [1, null, 2], b: [{ c: "<b>" }], d: {}, e: [] };
  assert.deepEqual(JSON.parse(written(value)), value);
  assert.match(written(value), /"a": \[1,null,2\]/);
});

test("points are painted as squares, cut at the edges", () => {
  const pixels = new Uint32Array(9);
  const red = pixel([255, 0, 0]);
  paint(pixels, { x: 0, y: 0, k: 1, width: 3, height: 3, side: 2 }, Uint16Array.of(1, 3), Uint16Array.of(1, 3), Uint32Array.of(red, 7));
  assert.deepEqual([...pixels], [red, red, 0, red, red, 0, 0, 0, 7]);
});

test("the order of drawing holds every point once, and is always the same", () => {
  assert.deepEqual([...shuffled(100)].sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
  assert.deepEqual(shuffled(100), shuffled(100));
});
