"""Reading the files of autoencoders, none of which is trusted.

Weights come from safetensors or from `torch.load(weights_only=True)`, which builds tensors and
plain containers and refuses a pickle that names anything else before running it. Whatever is wrong
with a file becomes one sentence; tensors are taken by name, and what is left over is refused too,
because a tensor that nobody asked for means that the formula is not the one we know.
"""

import json
import re
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from neuroscribe.errors import SaeError

_FOREIGN_NAME = re.compile(r"GLOBAL (\S+)")


class Tensors:
    """The tensors of a file, to be taken one by one."""

    def __init__(self, tensors: dict[str, Tensor], path: Path) -> None:
        self._left = dict(tensors)
        self.path = path

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str) -> Tensor:
        """The tensor called `name`.

        Raises:
            SaeError: there is none.
        """
        if name not in self._left:
            raise SaeError(
                f"{self.path} has no tensor {name}; there are: {', '.join(sorted(self._left))}"
            )
        return self._left.pop(name)

    def take_matrix(self, name: str) -> Tensor:
        """The same, of two dimensions.

        Raises:
            SaeError: there is none, or it has another number of dimensions.
        """
        tensor = self.take(name)
        if tensor.dim() != 2:
            raise SaeError(f"{self.path}: {name} is {list(tensor.shape)}, not a matrix")
        return tensor

    def drop(self, *names: str) -> None:
        """Pass over tensors that may be there and change nothing."""
        for name in names:
            self._left.pop(name, None)

    def finish(self) -> None:
        """Check that all were taken.

        Raises:
            SaeError: some are left over.
        """
        if self._left:
            raise SaeError(
                f"{self.path} has tensors that its architecture does not know: "
                f"{', '.join(sorted(self._left))}; it is of a kind that cannot be read"
            )


class Settings:
    """The JSON beside the weights."""

    def __init__(self, values: dict[str, Any], path: Path) -> None:
        self.values = values
        self.path = path

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """A value, or `default` where it is missing or null.

        Raises:
            SaeError: it is not of `kind` (an int passes for a float).
        """
        value = self.values.get(name)
        if value is None:
            return default
        accepted = (int, float) if kind is float else kind
        if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
            raise SaeError(f"{self.path}: {name} is {value!r}, not of type {kind.__name__}")
        return value

    def need(self, name: str, kind: type) -> Any:
        """A value.

        Raises:
            SaeError: it is missing or not of `kind`.
        """
        value = self.get(name, kind)
        if value is None:
            raise SaeError(f"{self.path} does not say {name}")
        return value

    def require_width(self, name: str, found: int) -> None:
        """Check a width that the settings may state against that of the weights.

        Raises:
            SaeError: they differ.
        """
        stated = self.get(name, int, found)
        if stated != found:
            raise SaeError(f"{self.path} says {name} = {stated}, but the weights have {found}")


def read_settings(path: Path) -> Settings:
    """A file with one JSON object.

    Raises:
        SaeError: it is missing, not JSON, or something else than an object.
    """
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise SaeError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SaeError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise SaeError(f"{path} holds {type(values).__name__}, not an object of settings")
    return Settings(values, path)


def read_safetensors(path: Path) -> Tensors:
    """The tensors of a safetensors file.

    Raises:
        SaeError: it is missing or damaged.
    """
    try:
        return Tensors(load_file(path), path)
    except FileNotFoundError as error:
        raise SaeError(f"{path} is missing; it should hold the weights") from error
    except (SafetensorError, OSError) as error:
        raise SaeError(f"{path} is damaged ({error}); download or copy it again") from error


def read_torch(path: Path, *, peek: bool = False) -> Any:
    """What `torch.save` wrote, if it is tensors and plain containers.

    Args:
        path: the file.
        peek: leave the tensors' numbers on disk where the file allows it.

    Raises:
        SaeError: the file is missing or damaged, or a pickle with code in it, of which nothing
            was run.
    """
    try:
        with warnings.catch_warnings():
            # torch warns of a pickle of an unusual protocol, and then refuses it or not.
            warnings.simplefilter("ignore", UserWarning)
            lazily = peek and is_zipfile(path)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=lazily)
    except UnpicklingError as error:
        foreign = _FOREIGN_NAME.search(str(error))
        what = (
            f"a pickle that holds more than tensors ({foreign[1]})"
            if foreign
            else "damaged, or a pickle that holds more than tensors"
        )
        raise SaeError(
            f"{path} is {what}; reading such could run code, so it was refused and nothing was "
            "run: ask for the weights as safetensors"
        ) from error
    except FileNotFoundError as error:
        raise SaeError(f"{path} is missing; it should hold the weights") from error
    except (RuntimeError, EOFError, LookupError, ValueError, OSError) as error:
        raise SaeError(
            f"{path} is damaged or no file of torch; download or copy it again"
        ) from error
