"""Fixtures that several folders of tests share."""

import pytest

from neuroscribe.records import Sequence, Split


@pytest.fixture
def make_sequence():
    """Build a sequence from its tokens, one byte offset per character."""

    def make(
        *tokens: str, sequence_id: int = 0, split: Split = "train", token_ids=None
    ) -> Sequence:
        text = "".join(tokens)
        offsets = [0]
        for token in tokens:
            offsets.append(offsets[-1] + len(token.encode()))
        return Sequence(
            sequence_id=sequence_id,
            document_id=f"document-{sequence_id}",
            split=split,
            token_ids=tuple(token_ids or range(len(tokens))),
            tokens=tokens,
            text=text,
            token_bytes_offsets=tuple(offsets),
        )

    return make
