"""How the mock cuts text into tokens.

Words take the space before them along, as byte-pair tokenizers do; tabs, line ends and digits stand
alone, so every placeholder of a table begins a token. The pieces concatenate to the text.
"""

import re

from neuroscribe.llm.mock.abilities import Abilities

_WHOLE_TEN = r"10(?!\d)|"
_PIECES = r"\d| ?[^\W\d]+|\s|."
_PLACEHOLDER = r"\tunknown(?=\n)|"


def tokenize(text: str, abilities: Abilities) -> list[str]:
    r"""The tokens of `text`.

    >>> tokenize("the raw\t10\n", Abilities())
    ['the', ' raw', '\t', '10', '\n']
    >>> tokenize("\t10\n", Abilities(splits_ten=True))
    ['\t', '1', '0', '\n']
    """
    pattern = _PIECES if abilities.splits_ten else _WHOLE_TEN + _PIECES
    if abilities.merges_placeholders:
        pattern = _PLACEHOLDER + pattern
    return re.findall(pattern, text, re.DOTALL)
