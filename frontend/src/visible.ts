/* Tokens with what cannot be seen made visible, as neuroscribe/heatmap.py writes them.
 *
 * Spaces stay spaces: the style sheet draws a dot on them, so that copied text is the real text.
 */

const SIGNS: Record<string, string> = { "\n": "⏎", "\r": "␍", "\t": "⇥" };

/** A token with line ends, tabs, control characters and marks that reorder text shown as signs. */
export function visible(token: string): string {
  return [...token].map((character) => SIGNS[character] ?? sign(character)).join("");
}

/** Runs of spaces and of other characters, in order: `["", " a  b"]` gives `" ", "a", "  ", "b"`. */
export function pieces(shown: string): string[] {
  return shown.match(/ +|[^ ]+/g) ?? [];
}

function sign(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return hidden(code) ? `⟨${code.toString(16)}⟩` : character;
}

function hidden(code: number): boolean {
  return (
    (code >= 0x7f && code <= 0xa0) || // C1 controls and the space that does not break
    code === 0xad || // the hyphen that shows only at a line's end
    code === 0x61c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x2069) ||
    code === 0xfeff ||
    (code >= 0xd800 && code <= 0xdfff)
  );
}
