"""What only the publisher of a dataset can say: its name, place, licence and authors.

Nothing of it is guessed. A licence that was not stated is said not to be stated.
"""

import re
from dataclasses import dataclass
from typing import Final

from neuroscribe.errors import InputError

LICENCES: Final = {
    "apache-2.0": "https://spdx.org/licenses/Apache-2.0",
    "bsd-3-clause": "https://spdx.org/licenses/BSD-3-Clause",
    "cc-by-4.0": "https://spdx.org/licenses/CC-BY-4.0",
    "cc-by-nc-4.0": "https://spdx.org/licenses/CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "https://spdx.org/licenses/CC-BY-NC-SA-4.0",
    "cc-by-sa-4.0": "https://spdx.org/licenses/CC-BY-SA-4.0",
    "cc0-1.0": "https://spdx.org/licenses/CC0-1.0",
    "cdla-permissive-2.0": "https://spdx.org/licenses/CDLA-Permissive-2.0",
    "mit": "https://spdx.org/licenses/MIT",
    "odbl": "https://spdx.org/licenses/ODbL-1.0",
    "odc-by": "https://spdx.org/licenses/ODC-By-1.0",
    "openrail": "https://www.licenses.ai/ai-licenses",
}
"""Names that the hub knows, and where each is explained. Others are published as `other`."""

_REPOSITORY: Final = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What a card says that the study does not hold; everything may be left out."""

    pretty_name: str = ""
    """Title; made from subject and corpus if empty."""
    licence: str = ""
    """Of the dataset, such as `cc-by-4.0`."""
    repository: str = ""
    """`OWNER/NAME` on the Hugging Face hub."""
    author: str = ""
    """As BibTeX takes it: `First Last and First Last`."""
    language: str = ""
    """ISO codes of the corpus's languages, joined by commas: `en,de`."""

    def __post_init__(self) -> None:
        if self.repository and not _REPOSITORY.fullmatch(self.repository):
            raise InputError(f"a repository is called OWNER/NAME, not {self.repository!r}")
        for code in self.languages:
            if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", code):
                raise InputError(f"a language is an ISO code such as en, not {code!r}")

    @property
    def languages(self) -> list[str]:
        """The codes, one by one."""
        return [code.strip() for code in self.language.split(",") if code.strip()]

    @property
    def url(self) -> str | None:
        """Where the dataset is."""
        return f"https://huggingface.co/datasets/{self.repository}" if self.repository else None
