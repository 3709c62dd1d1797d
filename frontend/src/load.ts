/* Blocks of the site's data: fetched once, unpacked, kept while they are in use.
 *
 * Some servers announce `.gz` files as gzip-encoded, and the browser has then unpacked them; others
 * hand them over as they are. The first two bytes tell which.
 *
 * A site that is built anew keeps its addresses, and browsers keep blocks without asking. So site.json
 * is asked for each time, and all others carry the build that it names.
 */
import type { SiteIndex } from "./contract";

/** What could not be loaded, and what to do about it. */
export class LoadError extends Error {
  constructor(
    message: string,
    readonly advice: string,
  ) {
    super(message);
    this.name = "LoadError";
  }
}

/** The most recently used values; the oldest goes when there are more than `capacity`. */
export class Recent<Value> {
  private readonly values = new Map<string, Value>();

  constructor(private readonly capacity: number) {}

  get(key: string): Value | undefined {
    const value = this.values.get(key);
    if (value !== undefined) {
      this.values.delete(key);
      this.values.set(key, value);
    }
    return value;
  }

  set(key: string, value: Value): void {
    this.values.delete(key);
    this.values.set(key, value);
    if (this.values.size > this.capacity) {
      const oldest = this.values.keys().next();
      if (oldest.done !== true) this.values.delete(oldest.value);
    }
  }

  delete(key: string): void {
    this.values.delete(key);
  }
}

const INDEX = "site.json";
let version = "";
const blocks = new Recent<Promise<unknown>>(48);

/** Loads site.json; all that is loaded afterwards is of its build. */
export async function loadIndex(): Promise<SiteIndex> {
  const index = await load<SiteIndex>(INDEX);
  const { build } = index as Partial<SiteIndex>; // sites of earlier versions lack it
  version = build === undefined ? "" : `?v=${encodeURIComponent(build)}`;
  return index;
}

/** Loads a block or shard by its path below `data/`; the same promise while it is kept. */
export function load<Content>(path: string): Promise<Content> {
  const kept = blocks.get(path);
  if (kept !== undefined) return kept as Promise<Content>;
  const loading = fetchJson(path);
  blocks.set(path, loading);
  // A failure is not kept: the next visit tries again.
  loading.catch(() => blocks.delete(path));
  return loading as Promise<Content>;
}

/** Loads without keeping: for what its caller keeps in another form. */
export async function fetchJson(path: string): Promise<unknown> {
  if (location.protocol === "file:") {
    throw new LoadError(
      "This page was opened as a file, and browsers let files read no other files.",
      "Run `neuroscribe view STUDY`, or serve this folder with any web server, such as `python -m http.server`.",
    );
  }
  const address = `data/${path}`;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const response = await (path === INDEX ? fetch(address, { cache: "no-cache" }) : fetch(address + version));
    if (!response.ok) throw new LoadError(`${address} is missing (${response.status}).`, REBUILD);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (error instanceof LoadError) throw error;
    throw new LoadError(`${address} could not be loaded: the server did not answer.`, "Is it still running? Then try again.");
  }
  try {
    return JSON.parse(new TextDecoder().decode(await unpacked(bytes)));
  } catch {
    throw new LoadError(`${address} is damaged: it cannot be unpacked or read.`, REBUILD);
  }
}

/** The bytes themselves, or what they pack where they begin as gzip does. */
export async function unpacked(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer | Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const REBUILD = "Was the whole folder copied? `neuroscribe site STUDY OUT` builds it anew.";
