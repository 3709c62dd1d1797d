"""Every kernel compiles for a GPU that need not be there (sm_90), with wide loads and no spills.

Run as a script, this file compiles and prints what it finds: the tests run in Triton's interpreter,
and a process has either that or the compiler. Registers and spills are read off the machine code by
`cuobjdump`, which triton's wheels carry; where they do not, these two numbers are not checked.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
KERNELS = ("peaks", "summary", "insert", "copy", "decode", "products", "encode")
ENCODE_K = (32, 64, 512)
WIDE = "ld.global.v4.b32"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    pytest.importorskip("triton", reason="triton is not installed")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path_factory.mktemp("triton"))
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("kernel", "loads"),
    [
        ("peaks fp32", 8),
        ("peaks bf16", 8),
        # A group of tokens, and the token of the careful loop.
        ("summary fp32", 9),
        ("summary bf16", 9),
        # Two loads of `source` or of kept values, and then the activations or new values.
        ("copy fp32", 2 + 4),
        ("copy bf16", 2 + 2),
        ("insert fp32", 2 + 1),
        # Eight rows of 512 components, over 128 threads; and the token's gradient.
        ("decode fp32", 8),
        ("decode bf16", 4),
        ("products fp32", 8 + 1),
    ],
)
def test_activations_and_values_are_loaded_sixteen_bytes_at_a_time(compiled, kernel, loads):
    assert compiled[kernel]["wide"] == loads
    # The values by which rows are weighted are read one by one.
    assert compiled[kernel]["two_bytes"] == (4 if kernel == "decode bf16" else 0)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_rounding_to_the_quantum_is_left_as_it_is_written(compiled, dtype):
    found = compiled[f"summary {dtype}"]
    values_per_thread = {"fp32": 4, "bf16": 8}[dtype]
    assert found["float64_subtractions"] == 4 * values_per_thread
    assert found["float64_fused"] == 0


def test_bfloat16_is_multiplied_by_tensor_cores_and_float32_is_not_shortened(compiled):
    assert compiled["encode bf16"]["tensor_cores"] > 0
    assert compiled["encode fp32"]["tensor_cores"] == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_nothing_is_spilled(compiled, kernel):
    for name, found in compiled.items():
        if name.startswith(kernel):
            assert found["local_memory"] == 0, name
            if found["resources"] is not None:
                assert found["resources"]["STACK"] == found["resources"]["LOCAL"] == 0, name
                assert found["resources"]["REG"] <= 255, name


def _compile_all() -> dict[str, dict]:
    found = {
        f"{kernel} {dtype}": _compile(*_specialisation(kernel, dtype))
        for kernel in KERNELS
        for dtype in ("fp32", "bf16")
        if (kernel, dtype) != ("insert", "bf16")
    }
    for k in ENCODE_K[1:]:
        for dtype in ("fp32", "bf16"):
            found[f"encode {dtype} {k}"] = _compile(*_encode(dtype, k))
    return found


def _compile(function, pointers: dict, constants: dict, warps: int) -> dict:
    from triton import compile as triton_compile
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature = {
        name: "constexpr" if name in constants else pointers.get(name, "i32")
        for name in function.arg_names
    }
    divisible = {
        (index,): [["tt.divisibility", 16]]
        for index, name in enumerate(function.arg_names)
        if name not in constants
    }
    done = triton_compile(
        ASTSource(fn=function, signature=signature, constexprs=constants, attrs=divisible),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": warps, "enable_fp_fusion": "encoder" in function.arg_names},
    )
    text = done.asm["ptx"]
    return {
        "wide": text.count(WIDE),
        "two_bytes": text.count("ld.global.b16"),
        "tensor_cores": text.count("wgmma.mma_async") + text.count("mma.sync"),
        "local_memory": text.count("ld.local") + text.count("st.local"),
        "float64_subtractions": text.count("sub.rn.f64") + text.count("sub.f64"),
        "float64_fused": text.count("fma.rn.f64"),
        "resources": _resources(done.asm["cubin"]),
    }


def _specialisation(kernel: str, dtype: str) -> tuple:
    """The kernel, its pointers' types, its constants and its number of warps, as it is launched."""
    if kernel == "encode":
        return _encode(dtype, ENCODE_K[0])
    if kernel in ("decode", "products"):
        return _rows(kernel, dtype)
    summary = importlib.import_module("neuroscribe.kernels.sequence_summary.triton")
    top = importlib.import_module("neuroscribe.kernels.top_activation.triton")
    torch = importlib.import_module("torch")
    read = summary._BLOCKS[getattr(torch, DTYPES[dtype])]
    block = {"unit_stride": 1, "group": summary._GROUP, "block_units": read.units}
    if kernel == "peaks":
        pointers = {"activations": f"*{dtype}", "lengths": "*i64", "peaks": "*fp32"}
        return summary._peaks_kernel, pointers, {**block, "sign": 1}, read.warps
    if kernel == "summary":
        pointers = {
            "activations": f"*{dtype}", "lengths": "*i64", "magnets": "*fp64", "peaks": "*fp32",
            "troughs": "*fp32", "sums": "*fp64", "counts": "*i32",
        }  # fmt: skip
        constants = {**block, "both_signs": True, "stretch": summary.TILE_TOKENS, "rows": 4}
        return summary._summary_kernel, pointers, constants, read.warps
    places = top._BLOCKS[32]
    block = {"unit_stride": 1, "block_units": places.units, "block_k": 32}
    if kernel == "insert":
        pointers = {
            "values": "*fp32", "ids": "*i64", "source": "*i32", "new_values": "*fp32",
            "new_ids": "*i64", "groups": "*i64",
        }  # fmt: skip
        constants = {**block, "rows": top._TESTED_VALUES // places.units}
        return top._insert_kernel, pointers, constants, places.warps
    pointers = {
        "rows": "*fp32", "source": "*i32", "activations": f"*{dtype}", "lengths": "*i64",
    }  # fmt: skip
    constants = {**block, "sign": 1, "none": top._NO_ROW, "tokens": top._TOKENS}
    return top._copy_kernel, pointers, constants, places.warps


def _encode(dtype: str, k: int) -> tuple:
    """Of the encoder's kernel, at a width of 768 and all latents."""
    encode = importlib.import_module("neuroscribe.kernels.topk_encode.triton")
    torch = importlib.import_module("torch")
    pointers = dict.fromkeys(("x", "encoder", "bias"), f"*{dtype}")
    pointers |= {"members": "*i64", "keys": "*i64"}
    block = encode._BLOCKS[k]
    constants = {
        "width": 768, "some": False, "block_tokens": block.tokens, "block_latents": block.latents,
        "block_width": encode._WIDTHS[getattr(torch, DTYPES[dtype])], "block_k": k,
    }  # fmt: skip
    return encode._encode_kernel, pointers, constants, encode._WARPS


def _rows(kernel: str, dtype: str) -> tuple:
    """Of the kernels that read the decoder's rows, at a width of 512 or more."""
    decode = importlib.import_module("neuroscribe.kernels.sparse_decode.triton")
    pointers = {"offsets": "*i64", "latents": "*i64"}
    names = ("values", "decoder", "output", "gradient", "products")
    pointers |= dict.fromkeys(names, f"*{dtype}")
    function = getattr(decode, f"_{kernel}_kernel")
    return function, pointers, {"entries": decode._ENTRIES, "tile": decode._TILE}, decode._WARPS


def _resources(cubin: bytes) -> dict[str, int] | None:
    """Registers, stack and local memory; None where triton comes without `cuobjdump`."""
    triton = importlib.import_module("triton")
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not tool.exists():
        return None
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        listed = subprocess.run(
            [tool, "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    line = next(line for line in listed.splitlines() if "REG:" in line)
    pairs = (entry.split(":") for entry in line.split() if "[" not in entry)
    return {name: int(number) for name, number in pairs}


if __name__ == "__main__":
    json.dump(_compile_all(), sys.stdout)
