"""Read values inside a forward pass, and leave the model as it was.

Each value is handed over from within its hook and not kept, so only one site's activations need be
alive at a time. What the hooks promise: they are removed, and training mode is restored, whatever
happens. What they refuse: values that are not one row per token, a module that runs several times
in one pass (which of them would be meant?), and one that does not run at all.
"""

from collections.abc import Callable, Iterator, Sequence as Seq
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from neuroscribe.errors import SubjectError
from neuroscribe.shapes import Bool, Float, Int64

Receiver = Callable[[Tensor], None]


class Tap(NamedTuple):
    """A place to read from, and who is told."""

    module: str
    side: Literal["in", "out"]
    receive: Receiver


def pad_with_special_tokens(
    token_ids: Int64[Tensor, "batch sequence"],
    lengths: Int64[Tensor, " batch"],
    *,
    prefix_ids: Seq[int],
    suffix_ids: Seq[int],
    pad_id: int,
) -> tuple[Int64[Tensor, "batch positions"], Bool[Tensor, "batch positions"]]:
    """Put the model's special tokens around each row and fill up on the right.

    Args:
        token_ids: content; whatever stands beyond a row's length is replaced by `pad_id`.
        lengths: content tokens of each row.
        prefix_ids: special tokens before the content.
        suffix_ids: special tokens directly behind it.
        pad_id: any token id; the mask hides it.

    Returns:
        The ids, and the attention mask: True at content and special tokens.
    """
    n_rows, n_content = token_ids.shape
    device = token_ids.device
    before, after = len(prefix_ids), len(suffix_ids)
    positions = torch.arange(before + n_content + after, device=device)
    present = positions[before : before + n_content] - before < lengths[:, None]
    padded = torch.full((n_rows, len(positions)), pad_id, dtype=torch.int64, device=device)
    padded[:, before : before + n_content] = token_ids.where(present, pad_id)
    for place, token_id in enumerate(prefix_ids):
        padded[:, place] = token_id
    rows = torch.arange(n_rows, device=device)
    for place, token_id in enumerate(suffix_ids):
        padded[rows, before + lengths + place] = token_id
    return padded, positions < (before + lengths + after)[:, None]


@contextmanager
def tapped(model: nn.Module, taps: Seq[Tap], shape: tuple[int, int]) -> Iterator[None]:
    """Hand over what the tapped modules carry during the one forward pass run inside.

    Args:
        model: switched to evaluation inside, and back.
        taps: each `receive` is called once with `[batch, positions, units]`.
        shape: batch and positions of the pass.

    Raises:
        SubjectError: a tapped module ran not at all or twice, or its value is no row per token.
    """
    fired: set[int] = set()
    handles = []
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        for number, tap in enumerate(taps):
            handles.append(_attach(model.get_submodule(tap.module), tap, number, fired, shape))
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module in training:
            module.training = True
    idle = [tap.module for number, tap in enumerate(taps) if number not in fired]
    if idle:
        raise SubjectError(f"module {idle[0]} takes no part in the model's forward pass")


def _attach(
    module: nn.Module, tap: Tap, number: int, fired: set[int], shape: tuple[int, int]
) -> torch.utils.hooks.RemovableHandle:
    def hand_over(value: Any) -> None:
        if number in fired:
            raise SubjectError(
                f"module {tap.module} runs more than once in a forward pass, "
                "so its value is not one per token; choose another place"
            )
        fired.add(number)
        tap.receive(_rows_per_token(value, tap.module, shape))

    if tap.side == "in":

        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hand_over(args[0] if args else next(iter(kwargs.values()), None))

        return module.register_forward_pre_hook(before, with_kwargs=True)

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        hand_over(output)

    return module.register_forward_hook(after)


def _rows_per_token(
    value: Any, path: str, shape: tuple[int, int]
) -> Float[Tensor, "batch positions units"]:
    """The value as `[batch, positions, units]`; some models flatten the first two."""
    first = value[0] if isinstance(value, tuple | list) and value else value
    if isinstance(first, Tensor) and first.is_floating_point():
        if first.dim() == 3 and first.shape[:2] == shape:
            return first
        if first.dim() == 2 and first.shape[0] == shape[0] * shape[1]:
            unflattened: Tensor = first.unflatten(0, shape)
            return unflattened
    found = list(first.shape) if isinstance(first, Tensor) else type(first).__name__
    raise SubjectError(
        f"module {path} carries {found} for {shape[0]} sequences of {shape[1]} tokens; "
        "a site needs one row of numbers per token"
    )
