"""Put other values in place of one unit's, inside a forward pass.

The counterpart of `capture`: the same sites, and the same promise that hooks are removed whatever
happens. Only the content positions of the unit are changed; special tokens keep their own values,
as they are in no exemplar.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from neuroscribe.errors import SubjectError
from neuroscribe.records import Site
from neuroscribe.shapes import Float


@contextmanager
def replaced(
    model: nn.Module,
    site: Site,
    unit: int,
    values: Float[Tensor, "rows content"],
    *,
    first: int,
    positions: int,
) -> Iterator[None]:
    """Change a unit's values in the forward pass run inside.

    Args:
        model: the base model.
        site: where the unit is.
        unit: its index.
        values: for the first so many rows of the batch; what follows them is left alone.
        first: position of the first content token.
        positions: of the batch, special tokens included.

    Raises:
        SubjectError: the site carries no row of numbers per token.
    """
    module = model.get_submodule(site.module)

    def change(value: Any) -> Any:
        tensor = value[0] if isinstance(value, tuple) else value
        if not isinstance(tensor, Tensor):
            raise SubjectError(f"site {site.name} carries no numbers that could be replaced")
        changed = tensor.clone()
        rows = changed if changed.dim() == 3 else changed.unflatten(0, (-1, positions))
        n_rows, n_content = values.shape
        rows[:n_rows, first : first + n_content, unit] = values.to(rows)
        return (changed, *value[1:]) if isinstance(value, tuple) else changed

    if site.side == "in":

        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args:
                return (change(args[0]), *args[1:]), kwargs
            name = next(iter(kwargs))
            return args, {**kwargs, name: change(kwargs[name])}

        handle = module.register_forward_pre_hook(before, with_kwargs=True)
    else:

        def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
            return change(output)

        handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def jensen_shannon(
    p: Float[Tensor, "... vocabulary"], q: Float[Tensor, "... vocabulary"]
) -> Float[Tensor, "..."]:
    """Jensen-Shannon divergence in nats between distributions given as log-probabilities.

    >>> p = torch.tensor([1.0, 0.0]).log()
    >>> round(float(jensen_shannon(p, p.flip(0))), 4)
    0.6931
    """
    mixture = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0, dtype=p.dtype, device=p.device))
    # Where a distribution is 0 its logarithm is infinite and its share of the sum is 0.
    halves = [torch.nan_to_num(d.exp() * (d - mixture), nan=0.0).sum(-1) for d in (p, q)]
    return (halves[0] + halves[1]).clamp_min(0) / 2
