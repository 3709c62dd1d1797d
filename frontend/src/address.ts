/* The addresses of the pages, in the part after `#`, so that any file server serves them all. */

export type Address =
  | { page: "model" }
  | { page: "layer"; site: string; query: URLSearchParams }
  | { page: "unit"; unit: string }
  | { page: "json"; unit: string }
  | { page: "search"; query: URLSearchParams }
  | { page: "map" }
  | { page: "random" }
  | { page: "unknown"; shown: string };

/** Reads a location's hash. */
export function parse(hash: string): Address {
  const [path = "", query = ""] = split(hash.replace(/^#?\/?/, ""), "?");
  const parameters = new URLSearchParams(query);
  const parts = path.split("/").filter((part, position) => part !== "" || position === 0);
  const decoded = parts.map(decode);
  if (decoded.includes(null) || decoded.length > 2) return { page: "unknown", shown: path };
  const [site = "", unit] = decoded as string[];
  if (unit === undefined) {
    if (site === "") return { page: "model" };
    if (site === "map" || site === "random") return { page: site };
    if (site === "search") return { page: "search", query: parameters };
    return { page: "layer", site, query: parameters };
  }
  // A number is written in one way only, so that every unit has one address.
  const match = /^((?:0|[1-9]\d*)-?)(\.json)?$/.exec(unit);
  if (match === null) return { page: "unknown", shown: `${site}/${unit}` };
  return { page: match[2] === undefined ? "unit" : "json", unit: `${site}/${match[1]}` };
}

export function ofSite(site: string, query?: URLSearchParams): string {
  const written = query?.toString() ?? "";
  return `#/${encodeURIComponent(site)}${written === "" ? "" : `?${written}`}`;
}

/** The address of a unit by its name, as in `mlp.5/1021-`. */
export function ofUnit(unit: string): string {
  const slash = unit.lastIndexOf("/");
  return `#/${encodeURIComponent(unit.slice(0, slash))}/${unit.slice(slash + 1)}`;
}

export function ofSearch(query: string): string {
  return `#/search?${new URLSearchParams({ q: query }).toString()}`;
}

function split(text: string, at: string): [string, string] {
  const position = text.indexOf(at);
  return position < 0 ? [text, ""] : [text.slice(0, position), text.slice(position + 1)];
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null; // a stray percent sign
  }
}
