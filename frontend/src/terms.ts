/* Words as the builder indexed them, and the shard in which a word lies. */

/** The runs of letters and digits of the lower-cased text, in order, repeated ones kept. */
export function termsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** A term lies in the shard of its first two characters, so that its beginnings lie in one shard. */
export function shardOf(term: string, shards: number): number {
  return fnv1a32(new TextEncoder().encode([...term].slice(0, 2).join(""))) % shards;
}

export function fnv1a32(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Rows from their differences. */
export function decodeRows(deltas: number[]): number[] {
  let row = 0;
  return deltas.map((delta) => (row += delta));
}
