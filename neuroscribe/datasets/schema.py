"""The tables of a study, declared once.

Every column has a description; the docs and the dataset card are generated from here. Token strings
cost no more than ids in Parquet (dictionary encoding), so both are kept. Columns are plain strings
and numbers, never Arrow dictionaries: Hugging Face `datasets` cannot read those. Activations are
float32 whatever their accuracy (`precision`): half precision does not read everywhere.
A column that changes its meaning changes `FORMAT_VERSION`.
"""

from typing import Final

import pyarrow as pa

FORMAT_VERSION: Final = 4


def _field(name: str, kind: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


_SITE = _field("site", pa.string(), "Site of the unit, such as mlp.5")
_UNIT = _field("unit", pa.int32(), "Index of the unit within its site")
_POLARITY = _field("polarity", pa.int8(), "+1, or -1 for the unit with its sign flipped")
_SPLIT = _field(
    "split",
    pa.string(),
    "train (explaining), calibration, valid (selection) or test (reported scores)",
)
_KIND = _field("kind", pa.string(), "top, random or quantile")
_SEQUENCE_ID = _field("sequence_id", pa.int64(), "Row of `sequences`")
_EXPLANATION_ID = _field("explanation_id", pa.string(), "Row of `explanations`")
_LLM = _field("llm", pa.string(), "Spec of the LLM, such as mock")

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "sequences": pa.schema(
        [
            _field("sequence_id", pa.int64(), "Ascends in corpus order"),
            _field("document_id", pa.string(), "The document the sequence was cut from"),
            _SPLIT,
            _field("token_ids", pa.list_(pa.int32()), "The subject's token ids"),
            _field("tokens", pa.list_(pa.string()), "What each token shows, with white space"),
            _field("text", pa.string(), "The text that the tokens cover"),
            _field(
                "token_bytes_offsets",
                pa.list_(pa.int32()),
                "Where each token begins in the UTF-8 text, and where the last ends (n + 1)",
            ),
        ]
    ),
    "units": pa.schema(
        [
            _SITE,
            _UNIT,
            _POLARITY,
            _field("n_tokens", pa.int64(), "Unmasked tokens seen", nullable=True),
            _field("n_nan", pa.int64(), "Of them, not a number; in no statistic", nullable=True),
            _field("n_infinite", pa.int64(), "Of them, infinite; in no moment", nullable=True),
            _field("mean", pa.float64(), "Mean activation", nullable=True),
            _field("variance", pa.float64(), "Population variance", nullable=True),
            _field("skewness", pa.float64(), "Null where constant", nullable=True),
            _field("kurtosis", pa.float64(), "Excess; null where constant", nullable=True),
            _field("min", pa.float64(), "Smallest activation", nullable=True),
            _field("max", pa.float64(), "Largest activation", nullable=True),
            _field("density", pa.float64(), "Fraction of tokens above 0", nullable=True),
            _field(
                "density_1pct",
                pa.float64(),
                "Fraction of the histogram above its largest edge up to 1% of max",
                nullable=True,
            ),
            _field(
                "quantile_boundaries",
                pa.list_(pa.float32()),
                "Where .5, .9, .99, .999 of the per-sequence maxima lie below (to one bin)",
            ),
            _field("histogram_edges", pa.list_(pa.float32()), "Edges of the bins (n + 1)"),
            _field("histogram_counts", pa.list_(pa.int64()), "Tokens per bin (n), in a sample"),
            _field("lookup_token_ids", pa.list_(pa.int32()), "Tokens that fire the unit most"),
            _field("lookup_means", pa.list_(pa.float32()), "Their mean activation on train"),
            _field("lookup_counts", pa.list_(pa.int64()), "How often they were seen on train"),
        ]
    ),
    "exemplars": pa.schema(
        [
            _SITE,
            _UNIT,
            _POLARITY,
            _SPLIT,
            _KIND,
            _field("quantile", pa.int8(), "Band where kind is quantile", nullable=True),
            _field("rank", pa.int16(), "0 is the strongest (top) or first drawn (random)"),
            _SEQUENCE_ID,
            _field(
                "peak_position",
                pa.int16(),
                "First position of the largest activation, as it was before rounding",
            ),
            _field("peak_activation", pa.float32(), "The largest activation, rounded likewise"),
            _field(
                "activations",
                pa.list_(pa.float32()),
                "One per token; polarity applied; rounded to 11 significant bits as it is recorded "
                "(`stored.activation_bits` of the manifest; exact where that is absent)",
            ),
        ]
    ),
    "vectors": pa.schema(
        [
            _SITE,
            _SEQUENCE_ID,
            _field("position", pa.int32(), "Of the token in its sequence"),
            _field("activations", pa.list_(pa.float32()), "One per unit of the site"),
        ]
    ),
    "bits": pa.schema(
        [
            _SITE,
            _POLARITY,
            _SEQUENCE_ID,
            _field("fires", pa.binary(), "One bit per unit, the first in the highest bit"),
        ]
    ),
    "explanations": pa.schema(
        [
            _field("explanation_id", pa.string(), "Content hash"),
            _SITE,
            _UNIT,
            _POLARITY,
            _field("text", pa.string(), "Null unless status is ok", nullable=True),
            _field(
                "status",
                pa.string(),
                "ok, refused, unparsed, failed or skipped",
            ),
            _field("reason", pa.string(), "What went wrong where status is not ok", nullable=True),
            _field("explainer", pa.string(), "Registered name"),
            _field("exemplars", pa.string(), "Selection that chose the exemplars, or none"),
            _field("form", pa.string(), "phrase, label or sentence"),
            _field("inputs", pa.list_(pa.string()), "What the explainer saw of the unit"),
            _LLM,
            _field("candidate", pa.int16(), "0 for the first answer; revisions count on"),
            _field("parent_id", pa.string(), "Explanation this one revises", nullable=True),
            _field("selected", pa.bool_(), "Whether it did best of its candidates on valid"),
            _field("selection_score", pa.float64(), "That score, if any", nullable=True),
            _field("rated_by", pa.string(), "Simulator and LLM that gave it", nullable=True),
            _field("rated_at", pa.timestamp("us", tz="UTC"), "When they did", nullable=True),
            _field("prompt_sha256", pa.string(), "Hash of the prompt"),
            _field("input_tokens", pa.int32(), "Tokens of the prompt"),
            _field("output_tokens", pa.int32(), "Tokens of the answer"),
            _field("cost_usd", pa.float64(), "Null where the price is unknown", nullable=True),
            _field("created_at", pa.timestamp("us", tz="UTC"), "When the LLM answered"),
        ]
    ),
    "simulations": pa.schema(
        [
            _EXPLANATION_ID,
            _field("simulator", pa.string(), "Registered name"),
            _LLM,
            _SEQUENCE_ID,
            _SPLIT,
            _KIND,
            _field(
                "status",
                pa.string(),
                "ok, refused, unparsed, failed or skipped",
            ),
            _field("reason", pa.string(), "What went wrong where status is not ok", nullable=True),
            _field("expected", pa.list_(pa.float32()), "0..10 per token; null = missing"),
            _field(
                "calibrated",
                pa.list_(pa.float32()),
                "On the scale of the activations; null without a calibration",
                nullable=True,
            ),
        ]
    ),
    "judgements": pa.schema(
        [
            _EXPLANATION_ID,
            _field("scorer", pa.string(), "Registered name"),
            _field("report_set", pa.string(), "Which texts"),
            _field("item", pa.int32(), "Place of the text among those of the scorer"),
            _field("kind", pa.string(), "top, random, quantile, hard, near_miss or generated"),
            _field("truth", pa.bool_(), "Whether the unit fires (as marked)", nullable=True),
            _LLM,
            _field(
                "status",
                pa.string(),
                "ok, refused, unparsed, failed or skipped",
            ),
            _field("reason", pa.string(), "What went wrong where status is not ok", nullable=True),
            _field("sequence_id", pa.int64(), "Row of `sequences`", nullable=True),
            _field("text", pa.string(), "Where it is no sequence of the corpus", nullable=True),
            _field("marked", pa.list_(pa.int16()), "Positions of the marked tokens"),
            _field("verdict", pa.bool_(), "What the judge says", nullable=True),
            _field("probability", pa.float64(), "That it fits, or a rank", nullable=True),
        ]
    ),
    "lessons": pa.schema(
        [
            _SITE,
            _UNIT,
            _POLARITY,
            _field("student", pa.string(), "Which student was taught"),
            _field("sequence_ids", pa.list_(pa.int64()), "Chosen exemplars, in order of choice"),
            _field(
                "curve", pa.list_(pa.float64()), "The student's quality after 0, 1, ... of them"
            ),
            _field("complexity", pa.int16(), "Exemplars to 90% of the final", nullable=True),
            _field("reason", pa.string(), "Why complexity is null", nullable=True),
        ]
    ),
    "scores": pa.schema(
        [
            _EXPLANATION_ID,
            _SITE,
            _UNIT,
            _POLARITY,
            _field("scorer", pa.string(), "Registered name"),
            _field("simulator", pa.string(), "If any", nullable=True),
            _field("llm", pa.string(), "If any", nullable=True),
            _field("metric", pa.string(), "Such as pearson"),
            _field("report_set", pa.string(), "Which sequences"),
            _field("value", pa.float64(), "Null where undefined", nullable=True),
            _field("low", pa.float64(), "Lower end of the 95% interval", nullable=True),
            _field("high", pa.float64(), "Upper end of the 95% interval", nullable=True),
            _field("chance", pa.float64(), "Reached without knowledge", nullable=True),
            _field("n_sequences", pa.int32(), "Sequences scored"),
            _field("n_items", pa.int32(), "Tokens (or texts) scored"),
            _field("coverage", pa.float64(), "Share of items with a prediction"),
            _field(
                "baseline_random_explanation",
                pa.float64(),
                "The same with another unit's explanation",
                nullable=True,
            ),
            _field(
                "baseline_token_lookup",
                pa.float64(),
                "The same predicted from the token look-up table",
                nullable=True,
            ),
            _field("baseline_mean", pa.float64(), "The same predicted by the mean", nullable=True),
            _field(
                "n_failed",
                pa.int32(),
                "Failed answers, for calibration and baselines too; asked for again",
                nullable=True,
            ),
            _field("reliable", pa.bool_(), "Whether coverage is at least .9"),
            _field("reason", pa.string(), "Why value is null", nullable=True),
        ]
    ),
}

IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "explanations": (
        "site",
        "unit",
        "polarity",
        "explainer",
        "exemplars",
        "form",
        "llm",
        "candidate",
        "parent_id",
    ),
    "simulations": ("explanation_id", "simulator", "llm", "sequence_id"),
    "judgements": ("explanation_id", "scorer", "llm", "report_set", "item"),
    "lessons": ("site", "unit", "polarity", "student"),
    "scores": ("explanation_id", "scorer", "simulator", "llm", "metric", "report_set"),
}
"""What a row of these tables is about. A failed item that was later repaired has two rows with one
identity; `store.current` keeps the better one."""


def describe(table: str) -> list[tuple[str, str, str]]:
    """Name, type and description of each column of a table, for docs and cards."""
    return [
        (field.name, str(field.type), field.metadata[b"description"].decode())
        for field in SCHEMAS[table]
    ]
