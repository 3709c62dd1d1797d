"""`neuroscribe merge`, from the command line."""

from pathlib import Path

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

from neuroscribe.cli import main

WORDS = ["rain", "snow", "sun", "wind", "cloud", "frost"]


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> list[str]:
    """Options that record a small decoder with random weights on twenty documents."""
    folder = tmp_path_factory.mktemp("plan")
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([" ".join(WORDS)] * 4, vocab_size=280, min_frequency=2)
    PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer).save_pretrained(folder / "decoder")
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=280, n_positions=32, n_embd=8, n_layer=1, n_head=1, n_inner=16)
    GPT2LMHeadModel(config).save_pretrained(folder / "decoder")
    (folder / "texts").mkdir()
    for i in range(20):
        words = [WORDS[(i * 7 + j * (i + 3)) % len(WORDS)] for j in range(40)]
        (folder / "texts" / f"{i:02}.txt").write_text(f"{i} " + " ".join(words))
    return [
        *("--subject", str(folder / "decoder"), "--corpus", f"text:{folder / 'texts'}"),
        *("--sequence-length", "8", "--batch-size", "4", "--top-k", "3", "--n-random", "2"),
        *("--keep-bits", "--keep-vectors", "3"),
    ]


def parts(study: Path) -> set[str]:
    return {str(path.relative_to(study)) for path in study.rglob("*.parquet")}


@pytest.mark.slow
def test_shards_are_recorded_one_by_one_and_merged_into_the_study_of_one_run(tmp_path, plan):
    assert run("record", tmp_path / "whole", *plan).exit_code == 0
    for number in (1, 2):
        result = run("record", tmp_path / f"{number}", *plan, "--shard", f"{number}/2")
        assert result.exit_code == 0, result.output
        assert f"recorded shard {number}/2 into" in result.stdout
        assert "neuroscribe merge STUDY SHARD..." in result.stdout
    out = tmp_path / "merged"
    merged = run("merge", out, tmp_path / "2", tmp_path / "1")
    assert merged.exit_code == 0, merged.output
    assert "merged 2 shards: 16 units of 1 sites on" in merged.stdout
    assert f"next: neuroscribe explain {out} --llm mock" in merged.stdout
    assert parts(out) == parts(tmp_path / "whole")
    assert len(parts(out)) == 5
    assert run("explain", out, "--llm", "mock", "--units", "mlp.0[:2]").exit_code == 0

    for command in (
        ("explain", tmp_path / "1", "--llm", "mock"),
        ("status", tmp_path / "1"),
    ):
        refused = run(*command)
        assert refused.exit_code == 2
        assert "is shard 1 of 2 of a recording" in refused.stderr
        assert "neuroscribe merge STUDY SHARD..." in refused.stderr

    again = run("merge", out, tmp_path / "1", tmp_path / "2")
    assert (again.exit_code, "is a study already" in again.stderr) == (2, True)
    half = run("merge", tmp_path / "half", tmp_path / "2")
    assert (half.exit_code, "shards 1 of 2 are missing" in half.stderr) == (2, True)
    assert not (tmp_path / "half").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("record", "OUT", "--shard", "5/4"), "there is no shard 5/4"),
        (("record", "OUT", "--shard", "x"), "'x' is no shard; write I/N, such as 3/16"),
        (("record", "OUT", "--shard", "1/2", "--processes", "2"), "leave out one of the two"),
        (("record", "OUT", "--processes", "2", "--engine", "slurm"), "no engine is called"),
        (("merge", "OUT", "ABSENT"), "is not a study"),
        (("merge", "OUT"), "Missing argument"),
    ],
)
def test_wrong_input_exits_with_2_and_writes_nothing(
    tmp_path, plan, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    options = plan if arguments[0] == "record" else []
    result = run(*arguments, *options)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []
