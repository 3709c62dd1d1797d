/* JSON to be read by people. */

/** Indented, but with lists of numbers and of tokens on one line each. */
export function written(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.every((one) => one === null || typeof one !== "object")) return JSON.stringify(value);
    const inner = `${indent}  `;
    return `[\n${value.map((one) => inner + written(one, inner)).join(",\n")}\n${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return "{}";
    const inner = `${indent}  `;
    return `{\n${entries.map(([key, one]) => `${inner}${JSON.stringify(key)}: ${written(one, inner)}`).join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}
