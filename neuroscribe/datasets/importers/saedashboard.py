"""Make a study of SAEDashboard's `batch-N.json` files: the latents of sparse autoencoders.

One file or a folder of them; what the files do not say is looked up in `run_settings.json` and
`skipped_indexes.json` beside them. `mojibake` tells how their tokens are written. A text that
stands several times in one group of a latent (once for each strong token) is one exemplar. Their
intervals cut the range of activations into parts of equal width, so an exemplar's band is the
number of its interval, not a quantile. Files are read one by one; the largest has to fit in memory.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from neuroscribe import progress
from neuroscribe.datasets.interchange.imported_study import StudyBuilder
from neuroscribe.datasets.interchange.json_fields import Fields, read_json
from neuroscribe.datasets.interchange.mojibake import TokenReader, writing_of
from neuroscribe.datasets.interchange.saedashboard_files import Folder, batch_paths, judged
from neuroscribe.datasets.interchange.transfer import Transfer, require_absent
from neuroscribe.datasets.token_boundaries import show_bytes
from neuroscribe.errors import InputError
from neuroscribe.records import SPLITS, Exemplar, Kind, Sequence as TokenSequence, Split, UnitId

NOTES = (
    (
        "Activations are rounded to three decimals, and densities and histograms are as the "
        "source has them: zeros are in no bin of the histograms."
    ),
    (
        "n_tokens is prompts times tokens in a prompt; special tokens, which the source may have "
        "ignored, count too. `max` is the largest activation of the shown texts."
    ),
    (
        "The band of an exemplar of kind quantile is its interval of the range of activations (all "
        "of equal width, from 0 up), and tells where one of its tokens lies, not its peak."
    ),
    "Texts may be windows of prompts that overlap: the split of one says nothing of the others.",
)

_BY_TEXT = "by_text"
_TOP = -1
_MOST_BANDS = 100
_WITHOUT_A_COLUMN = {
    "pos_str": "latents' promoted and suppressed tokens with their logits",
    "logits_hist_data_bar_values": "latents' histograms of logits",
    "neuron_alignment_indices": "latents' aligned neurons",
    "correlated_neurons_indices": "latents' correlated neurons",
    "correlated_features_indices": "latents' correlated latents",
    "decoder_weights_dist": "latents' decoder weights by head",
    "vector": "latents' decoder directions",
}


def load(
    source: str | Path,
    study: Path,
    *,
    site: str = "",
    subject: str = "",
    corpus: str = "",
    split: str = _BY_TEXT,
    tokens: str = "auto",
) -> Transfer:
    """Read batches into a new study.

    Args:
        source: a batch's file, or a folder that holds some.
        study: directory of the new study.
        site: its name; `sae.LAYER.SET` of what the files say if empty.
        subject: name of the model; as the files say if empty.
        corpus: name of the texts; as the files say if empty.
        split: `by_text` draws splits as a recording does; or the one split that all texts are of.
        tokens: how tokens are written: `byte_level`, `sentence_piece`, `plain`, or `auto`.

    Raises:
        InputError: there is no batch, or a file is damaged; no study is left behind.
    """
    require_absent(study)
    if split not in (_BY_TEXT, *SPLITS):
        raise InputError(
            f"no split is called {split!r}; there are: {_BY_TEXT}, {', '.join(SPLITS)}"
        )
    paths = batch_paths(Path(source))
    about = Folder(paths[0].parent, site=site, subject=subject, corpus=corpus)
    reader = TokenReader(writing_of(tokens) or judged(paths))
    first = about.of(Fields(read_json(paths[0]), str(paths[0])))
    lost: Counter[str] = Counter()
    with (
        StudyBuilder(
            study,
            format="saedashboard",
            source=str(source),
            subject=first.subject,
            corpus=first.corpus,
            notes=NOTES,
        ) as builder,
        progress.bar("importing", total=len(paths), unit="files") as bar,
    ):
        described: set[str] = set()
        for path in paths:
            batch = Fields(read_json(path), str(path))
            place = about.of(batch)
            if place.subject != first.subject:
                raise InputError(
                    f"{path} is of model {place.subject}, {paths[0]} of {first.subject}; "
                    "import them one by one"
                )
            if place.site not in described:
                described.add(place.site)
                builder.site(place.site, kind="sae", layer=place.layer, width=about.width)
            for latent in batch.objects("features"):
                _Latent(latent, place.site, reader, split, lost).add_to(builder)
            bar.advance()
        left = [
            *(f"{count:,} {what}" for what, count in lost.items() if count),
            *_of_tokens(reader),
        ]
        for sentence in left:
            builder.note(f"Left out: {sentence}.")
        written = builder.finish()
    return Transfer(written=written, left_out=tuple(left))


class _Latent:
    """One latent of a batch."""

    def __init__(
        self, data: Fields, site: str, reader: TokenReader, split: str, lost: Counter[str]
    ) -> None:
        index = data.integer("feature_index")
        if index is None or index < 0:
            raise InputError(f"{data.where} does not say which latent it is (feature_index)")
        self._data = data
        self._unit = UnitId(site, index)
        self._reader = reader
        self._split = split
        self._lost = lost

    def add_to(self, builder: StudyBuilder) -> None:
        """Write it."""
        exemplars = list(self._exemplars(builder))
        finite = [value for each in exemplars for value in each.activations if math.isfinite(value)]
        prompts = self._data.integer("n_prompts_total") or 0
        edges, counts = self._histogram()
        builder.unit(
            self._unit,
            {
                "n_tokens": prompts * (self._data.integer("n_tokens_in_prompt") or 0),
                "max": max(finite, default=None),
                "density": self._data.number("frac_nonzero"),
                "histogram_edges": edges,
                "histogram_counts": counts,
            },
            exemplars,
        )
        for name, what in _WITHOUT_A_COLUMN.items():
            self._lost[what] += self._data.has(name)

    def _exemplars(self, builder: StudyBuilder) -> Iterator[Exemplar]:
        known: set[tuple[Kind, int | None, int]] = set()
        ranks: Counter[tuple[Kind, int | None, Split]] = Counter()
        for window in self._data.objects("activations"):
            group = _group(window)
            if group is None:
                self._lost["texts of a group that is neither top nor an interval"] += 1
                continue
            kind, band = group
            sequence, values = self._sequence(builder, window)
            if window.has("dfa_values"):
                self._lost["direct feature attributions of texts"] += 1
            if (kind, band, sequence.sequence_id) in known:
                self._lost["repeats of a text within its group, one for each strong token"] += 1
                continue
            known.add((kind, band, sequence.sequence_id))
            place = (kind, band, sequence.split)
            yield Exemplar(
                sequence=sequence,
                activations=values,
                kind=kind,
                rank=ranks[place],
                quantile=band,
            )
            ranks[place] += 1

    def _sequence(
        self, builder: StudyBuilder, window: Fields
    ) -> tuple[TokenSequence, tuple[float, ...]]:
        tokens, values = window.texts("tokens"), window.numbers("values")
        if len(tokens) != len(values) or not tokens:
            raise InputError(
                f"{window.where} is damaged: {len(values)} values for {len(tokens)} tokens"
            )
        pieces = self._reader.bytes_of(tokens)
        shown = [show_bytes(data) for data in pieces]
        split: Split | None = next((each for each in SPLITS if each == self._split), None)
        return builder.sequence(shown, token_bytes=pieces, split=split), tuple(values)

    def _histogram(self) -> tuple[list[float], list[int]]:
        middles = self._data.numbers("freq_hist_data_bar_values")
        heights = self._data.numbers("freq_hist_data_bar_heights")
        edges = _edges(middles)
        if len(middles) != len(heights) or not edges or not all(map(float.is_integer, heights)):
            if middles or heights:
                self._lost["histograms of activations that cannot be read"] += 1
            return [], []
        return edges, [int(height) for height in heights]


def _group(window: Fields) -> tuple[Kind, int | None] | None:
    """Kind and band of a text; None where its group has no label."""
    low, high, share = (window.number(name) for name in ("bin_min", "bin_max", "bin_contains"))
    if low is None or high is None or share is None or (low == high == share == 0):
        return None
    if low == share == _TOP:
        return "top", None
    width = high - low
    band = round(low / width) if width > 0 else 0
    return ("quantile", band) if 0 <= band < _MOST_BANDS else None


def _edges(middles: Sequence[float]) -> list[float]:
    """Edges of bins of equal width with these middles, none below 0; empty if there are none."""
    if len(middles) < 2 or not all(map(math.isfinite, middles)):
        return []
    half = (middles[-1] - middles[0]) / (len(middles) - 1) / 2
    if half <= 0:
        return []
    return [max(middles[0] - half, 0.0), *(middle + half for middle in middles)]


def _of_tokens(reader: TokenReader) -> list[str]:
    """What there is to say of the tokens' strings."""
    said: dict[str, int] = {
        f"tokens that were read as {reader.writing}; their strings in the source are not kept": (
            reader.mended
        ),
        (
            "tokens that may be bytes of another encoding; they are shown as the source has them "
            "(tokens=byte_level reads all as bytes)"
        ): reader.doubtful,
    }
    return [f"{count:,} {what}" for what, count in said.items() if count]


PLUGIN = load
