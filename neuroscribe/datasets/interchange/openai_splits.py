"""How OpenAI's neuron explainer deals the records of a neuron out to splits, in both directions.

Its files do not name splits: the first top record is of train, the next of calibration, then valid,
test, train again; the random ones go round calibration, valid and test. Samples by quantile belong
to none, and are taken as train here: they serve explaining.

Source: METHODS section 7; `neuron_record_splits` of the project's own functions.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from neuroscribe.errors import InputError
from neuroscribe.records import SPLITS, Split

INTERLEAVED: Final = "interleaved"
TOP: Final[tuple[Split, ...]] = SPLITS
RANDOM: Final[tuple[Split, ...]] = ("calibration", "valid", "test")
QUANTILE: Final[tuple[Split, ...]] = ("train",)

ItemT = TypeVar("ItemT")


def splits_of(name: str, dealt: tuple[Split, ...]) -> tuple[Split, ...]:
    """The splits that records go round.

    Args:
        name: `interleaved`, or the one split that all are of.
        dealt: those that this kind of record is dealt out to.

    Raises:
        InputError: there is no such split.
    """
    if name == INTERLEAVED:
        return dealt
    for split in SPLITS:
        if name == split:
            return (split,)
    raise InputError(f"no split is called {name!r}; there are: {', '.join((INTERLEAVED, *SPLITS))}")


def interleave(by_split: Mapping[Split, Sequence[ItemT]], splits: Sequence[Split]) -> list[ItemT]:
    """One of each split, then a second of each, until one split has no more.

    >>> interleave({"train": ["a", "b"], "test": ["x", "y", "z"]}, ["train", "test"])
    ['a', 'x', 'b', 'y']
    """
    lists = [by_split.get(split, ()) for split in splits]
    return [item for turn in zip(*lists, strict=False) for item in turn]
