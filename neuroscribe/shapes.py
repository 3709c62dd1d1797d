"""Shapes in signatures: `Float[Tensor, "batch sequence units"]`.

The axis words are the same everywhere: batch, sequence, tokens, units, k. jaxtyping checks them on
every call while the tests run (`--jaxtyping-packages=neuroscribe,beartype.beartype`); users pay
nothing. GPU machines often carry torch alone, so without jaxtyping the annotations say the same and
check nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float64, Int, Int32, Int64
else:
    try:
        from jaxtyping import Bool, Float, Float64, Int, Int32, Int64
    except ModuleNotFoundError:

        class _Unchecked:
            def __class_getitem__(cls, item: Any) -> Any:
                return item[0]

        Bool = Float = Float64 = Int = Int32 = Int64 = _Unchecked

__all__ = ["Bool", "Float", "Float64", "Int", "Int32", "Int64"]
