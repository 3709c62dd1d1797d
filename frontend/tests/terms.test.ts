import assert from "node:assert/strict";
import { test } from "node:test";
import type { SearchShard } from "../src/contract";
import { find } from "../src/search";
import { decodeRows, fnv1a32, shardOf, termsOf } from "../src/terms";

const bytes = (text: string) => new TextEncoder().encode(text);

test("terms are runs of letters and digits, in lower case", () => {
  assert.deepEqual(termsOf("Rain's  GPT-2 «été» 東京, x_y"), ["rain", "s", "gpt", "2", "été", "東京", "x", "y"]);
  assert.deepEqual(termsOf("—!?"), []);
});

test("fnv1a32 gives the published values", () => {
  assert.equal(fnv1a32(bytes("")), 0x811c9dc5);
  assert.equal(fnv1a32(bytes("a")), 0xe40c292c);
  assert.equal(fnv1a32(bytes("foobar")), 0xbf9cf968);
});

test("a shard is that of the first two characters, not of bytes or halves of characters", () => {
  assert.equal(shardOf("rain", 64), fnv1a32(bytes("ra")) % 64);
  assert.equal(shardOf("r", 64), fnv1a32(bytes("r")) % 64);
  assert.equal(shardOf("𝒳𝒴𝒵", 64), fnv1a32(bytes("𝒳𝒴")) % 64);
});

test("rows are sums of their differences", () => {
  assert.deepEqual(decodeRows([3, 1, 10]), [3, 4, 14]);
  assert.deepEqual(decodeRows([]), []);
});

const TERMS: SearchShard = { terms: { rain: [1, 4], rainbow: [7], snow: [5, 2], r: [9] } };
const index = { shards: 1, ignored: ["the"], size: 100, load: async () => TERMS };

test("the last word matches as a beginning", async () => {
  assert.deepEqual((await find("rai", index)).rows, [1, 5, 7]);
});

test("a word that is followed by more matches as a whole", async () => {
  assert.deepEqual((await find("rai snow", index)).absent, ["rai"]);
  assert.deepEqual((await find("rain ", index)).rows, [1, 5]);
});

test("a single letter matches itself alone: no shard holds all its beginnings", async () => {
  assert.deepEqual((await find("r", index)).rows, [9]);
});

test("units with more and rarer words come first", async () => {
  assert.deepEqual((await find("rain snow", index)).rows, [5, 1, 7]);
  assert.deepEqual((await find("rainbow rain ", index)).rows, [7, 1, 5]);
});

test("common words are named, and nothing is sought for them", async () => {
  assert.deepEqual(await find("the", index), { rows: [], ignored: ["the"], absent: [] });
});
