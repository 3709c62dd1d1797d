"""GPT-2's alphabet: the character that stands for each byte in the strings of its vocabulary.

Printable Latin-1 characters stand for their own byte, the other 68 bytes have the characters from
U+0100 on, so no token needs white space or a control character. Many tokenizers do likewise.

Source: the byte-level BPE of GPT-2 (Radford et al., 2019).
"""

from collections.abc import Mapping


def _byte_alphabet() -> dict[str, int]:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable}
    return alphabet | {chr(0x100 + place): byte for place, byte in enumerate(others)}


BYTE_OF: Mapping[str, int] = _byte_alphabet()
"""From character to byte."""

CHARACTER_OF: Mapping[int, str] = {byte: character for character, byte in BYTE_OF.items()}
"""From byte to character."""


def written_with(alphabet: Mapping[int, str], data: bytes) -> str:
    """Bytes as a string of the alphabet.

    >>> written_with(CHARACTER_OF, " caf\u00e9".encode())
    '\u0120caf\u00c3\u00a9'
    """
    return "".join(alphabet[byte] for byte in data)
