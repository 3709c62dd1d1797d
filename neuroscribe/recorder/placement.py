"""Where the activation rows of exemplars are kept, which take most of a recording's memory.

With the activations while they fit a budget, else in host memory, else nowhere: then only values
and ids are kept in the pass, and one replay of the batches that hold a kept sequence writes the
rows to a file that is mapped into memory. All three give the same tables.
"""

import logging
import os
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Literal

import torch

from neuroscribe.errors import InputError
from neuroscribe.recorder.quantile_exemplars import N_BANDS
from neuroscribe.recorder.settings import RecorderSettings
from neuroscribe.records import SPLITS, Site

Placement = Literal["device", "host", "replay"]

_LOGGER = logging.getLogger("neuroscribe")
_SHARE = 0.5
"""Of the memory that is free, what rows may take unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class RowsBudget:
    """Memory for rows; None allows half of what is free."""

    device_mb: int | None = None
    host_mb: int | None = None

    def __post_init__(self) -> None:
        for name in ("device_mb", "host_mb"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InputError(f"{name} is {value}; it must be at least 0")


def row_bytes(sites: Seq[Site], settings: RecorderSettings) -> int:
    """Memory that the rows of all exemplars take."""
    per_unit = 0
    for site in sites:
        sides = len(settings.polarities(site))
        own = sides * (settings.top_k + N_BANDS * settings.n_quantile)
        per_unit += site.width * (own + settings.n_random)
    return 4 * len(SPLITS) * settings.sequence_length * per_unit


def choose_placement(needed: int, device: torch.device, budget: RowsBudget) -> Placement:
    """The first place that fits; said in the log where it is not the first of all.

    Args:
        needed: bytes of all rows.
        device: where the activations are.
        budget: what rows may take.
    """
    room = {"device": _room(device, budget.device_mb), "host": _room(None, budget.host_mb)}
    if device.type == "cpu":
        # There the device's memory is the host's.
        room["device"] = room["host"]
    chosen: Placement = "replay"
    if needed <= room["device"]:
        chosen = "device"
    elif needed <= room["host"]:
        chosen = "host"
    if chosen != "device":
        _LOGGER.warning(
            "the rows of the exemplars need %d MB, over the %d MB they may take on %s: %s",
            needed // 2**20,
            room["device"] // 2**20,
            device,
            {
                "host": "they are kept in host memory",
                "replay": "the batches that hold them are run a second time at the end",
            }[chosen],
        )
    return chosen


def _room(device: torch.device | None, megabytes: int | None) -> int:
    if megabytes is not None:
        return megabytes * 2**20
    if device is not None and device.type == "cuda":
        return int(_SHARE * torch.cuda.mem_get_info(device)[0])
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(_SHARE * max(pages, _available()))


def _available() -> int:
    """Memory that the kernel can free up for us, where it says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123
            values = dict(line.split(":", 1) for line in file)
    except FileNotFoundError:
        return 0
    return int(values["MemAvailable"].split()[0]) * 1024
