"""Encoding and decoding with the kernels against the dense forms, measured in one run.

`make bench`, or `python benchmarks/sae_kernels.py [--threads 1] [--device cuda --dtype bfloat16]`.
Needs torch alone. Prints tables and writes `benchmarks/results/sae-kernels-DEVICE.json`.

How it is measured. The two forms are first compared: on a wrong result there are no figures. Then
they run in turns and the medians are compared, so that whatever else the machine does falls on
both. Encoding: `relu` and `torch.topk` of the dense pre-activations of all tokens. Decoding: the
values scattered into a dense matrix, times the decoder; of its gradients the two dense products.
Times are process times on a CPU and synchronised wall times on a GPU. The path on a GPU is written
and has not been run yet.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from reporting import processor, provenance, store
from torch import Tensor
from torch.nn import functional

from neuroscribe.kernels.sparse_decode import row_products, transpose, weighted_sum
from neuroscribe.kernels.topk_encode import Choice, topk_encode

ENCODED = (
    # Latents, width, k, tokens.
    (512, 64, 8, 16),
    (1_024, 384, 32, 1_024),
    (4_096, 384, 32, 64),
    (4_096, 384, 32, 1_024),
    (4_096, 384, 192, 1_024),
    (16_384, 768, 32, 1_024),
    (24_576, 768, 128, 512),
    (131_072, 768, 32, 64),
    (131_072, 768, 32, 512),
)
DECODED = ((4_096, 384, 32, 1_024), (16_384, 768, 32, 1_024), (131_072, 768, 32, 512))
LARGEST_ON_GPU = 8_192
"""Tokens of every case on a GPU."""


class Clock:
    """Seconds of work: of the process on a CPU, of the device on a GPU."""

    def __init__(self, device: str) -> None:
        self.on_gpu = device.startswith("cuda")

    def now(self) -> float:
        """The time, with all work so far done."""
        if self.on_gpu:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def in_turns(self, *works: Callable[[], object], seconds: float = 4.0) -> list[float]:
        """Median seconds of each, in turns for about so long, at least five times."""
        spent: list[list[float]] = [[] for _ in works]
        for work in works:
            work()
        start = self.now()
        while len(spent[0]) < 5 or (self.now() - start < seconds and len(spent[0]) < 2_000):
            for work, times in zip(works, spent, strict=True):
                before = self.now()
                work()
                times.append(self.now() - before)
        return [statistics.median(times) for times in spent]


def encoding(clock: Clock, tensors: tuple[Tensor, Tensor, Tensor], k: int) -> dict[str, Any]:
    """Encoding by either form."""
    x, encoder, bias = tensors

    def dense() -> tuple[Tensor, Tensor]:
        values, latents = functional.linear(x, encoder, bias).relu().topk(k, dim=1)
        return values, latents

    def ours() -> Any:
        return topk_encode(x, encoder, bias, [Choice(k)])[0]

    values, _ = dense()
    _check("values", ours().values, values)
    return _row(clock.in_turns(dense, ours))


def decoding(
    clock: Clock, latents: Tensor, values: Tensor, decoder: Tensor, gradient: Tensor
) -> dict[str, dict[str, Any]]:
    """Decoding and its two gradients by either form."""
    n_tokens, k = latents.shape
    offsets = torch.arange(0, n_tokens * k + 1, k, device=latents.device)
    flat, weights = latents.flatten(), values.flatten()

    def matrix() -> Tensor:
        return decoder.new_zeros(n_tokens, len(decoder)).scatter_(1, latents, values)

    works: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
        "decode": (
            lambda: matrix() @ decoder,
            lambda: weighted_sum(offsets, flat, weights, decoder),
        ),
        "gradient of the decoder": (
            lambda: matrix().T @ gradient,
            lambda: weighted_sum(
                *transpose(offsets, flat, weights, n_latents=len(decoder)), gradient
            ),
        ),
        "gradient of the values": (
            lambda: (gradient @ decoder.T).gather(1, latents),
            lambda: row_products(offsets, flat, gradient, decoder).view_as(latents),
        ),
    }
    found = {}
    for name, (dense, ours) in works.items():
        _check(name, ours(), dense())
        found[name] = _row(clock.in_turns(dense, ours))
    return found


def _check(name: str, ours: Tensor, dense: Tensor) -> None:
    """Stop where the forms differ by more than rounding in the type does."""
    largest = float((ours.float() - dense.float()).abs().max())
    allowed = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}[ours.dtype]
    if not largest <= allowed:
        raise SystemExit(f"{name} differs by {largest}; no figures of a wrong result")


def _row(seconds: list[float]) -> dict[str, Any]:
    dense, ours = seconds
    return {"dense ms": 1e3 * dense, "ours ms": 1e3 * ours, "times as fast": dense / ours}


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    device, dtype = arguments.device, getattr(torch, arguments.dtype)
    on_gpu = device.startswith("cuda")
    clock = Clock(device)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    result: dict[str, Any] = {
        **provenance(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if on_gpu else processor(arguments.threads),
        "dtype": arguments.dtype,
        "encode": {},
    }
    name = f"sae-kernels-{torch.device(device).type}"
    print(f"{'':72}{'dense':>12}{'ours':>12}")
    for n_latents, width, k, few in ENCODED:
        tokens = LARGEST_ON_GPU if on_gpu else few
        case = f"{n_latents:,} latents, width {width}, k={k}, {tokens:,} tokens"
        tensors = (normal(tokens, width), normal(n_latents, width) / width**0.5, normal(n_latents))
        result["encode"][case] = encoding(clock, tensors, k)
        _print(case, result["encode"][case])
        store(name, result)
    for n_latents, width, k, few in DECODED:
        tokens = LARGEST_ON_GPU if on_gpu else few
        case = f"{n_latents:,} latents, width {width}, k={k}, {tokens:,} tokens"
        latents = torch.rand((tokens, n_latents), generator=generator).topk(k).indices.to(device)
        found = decoding(
            clock, latents, normal(tokens, k).abs(), normal(n_latents, width), normal(tokens, width)
        )
        for what, row in found.items():
            result.setdefault(what, {})[case] = row
            _print(f"{what}: {case}", row)
        store(name, result)


def _print(case: str, row: dict[str, Any]) -> None:
    print(
        f"{case:72}{row['dense ms']:>9.2f} ms{row['ours ms']:>9.2f} ms"
        f"{row['times as fast']:>8.2f}x",
        flush=True,
    )


if __name__ == "__main__":
    main()
