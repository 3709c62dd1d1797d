"""`README.md` of a study: the card that the Hugging Face hub shows, and the settings of its viewer.

Everything in it is read off the study, but for what only a publisher can say (`publication`). It
holds no date of its own, so the same study has the same card. Strings of the corpus, of LLMs and of
users are shown as text and can neither end a table nor open a tag.

Source: https://huggingface.co/docs/hub/datasets-cards (front matter), datasets-manual-configuration
(`configs`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from huggingface_hub import DatasetCardData

from neuroscribe.datasets.card.card_limits import is_mock, limits_of
from neuroscribe.datasets.card.card_statistics import MeanScore, Statistics, statistics_of
from neuroscribe.datasets.card.markdown import bibtex, code, table, text
from neuroscribe.datasets.card.public import public, public_manifest
from neuroscribe.datasets.card.publication import LICENCES, Publication
from neuroscribe.datasets.card.published_tables import TABLES, pattern
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.schema import IDENTITY, SCHEMAS, describe
from neuroscribe.heatmap import visible

NAME: Final = "README.md"
_SIZES: Final = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
)
_COLOPHON: Final = (
    "Made with Neuroscribe, which explains the units of neural networks and measures how good each "
    "explanation is.\n"
)


def card(root: str | Path, publication: Publication | None = None) -> str:
    """The card of a study, as Markdown with YAML in front.

    Args:
        root: the study's directory, or an fsspec URL of one.
        publication: what the publisher states; nothing if None.

    Raises:
        StudyError: there is no study.
        StoreError: a part is damaged.
    """
    publication = publication or Publication()
    manifest = public_manifest(read_manifest(root))
    statistics = statistics_of(root)
    title = title_of(manifest, publication)
    sections = (
        _front_matter(publication, statistics, title),
        f"# {text(title)}\n",
        _introduction(manifest, statistics),
        "## Load it\n",
        _loading(publication, statistics),
        "## Tables\n",
        _tables(statistics),
        *_results(statistics),
        "## How it was made\n",
        _provenance(manifest, statistics),
        "## Columns\n",
        *_columns(statistics),
        "## Known limits\n",
        "\n".join(f"- {limit}" for limit in limits_of(manifest, statistics)) + "\n",
        "## Licence\n",
        _licence(manifest, publication),
        "## Citation\n",
        f"```bibtex\n{citation(title, publication, statistics)}```\n",
        _COLOPHON,
    )
    return "\n".join(sections)


def title_of(manifest: Mapping[str, Any], publication: Publication) -> str:
    """What the dataset is called; from a manifest as it may be published."""
    if publication.pretty_name:
        return visible(publication.pretty_name)
    subject, corpus = manifest["subject"]["name"], manifest["corpus"]["name"]
    return visible(f"Units of {subject} on {corpus}, explained")


def citation(title: str, publication: Publication, statistics: Statistics) -> str:
    """A BibTeX entry for the dataset."""
    fields = {
        "title": bibtex(title),
        "author": bibtex(publication.author),
        "year": "" if statistics.last_year is None else str(statistics.last_year),
        "url": publication.url or "",
        "note": "Dataset, made with Neuroscribe",
    }
    key = (publication.repository or "neuroscribe-study").replace("/", "-")
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"]) + "\n"


def licence_id(licence: str) -> str:
    """The licence as the hub names it; `other` where it does not know it, or it was not stated."""
    return licence.lower() if licence.lower() in LICENCES else "other"


def _front_matter(publication: Publication, statistics: Statistics, title: str) -> str:
    licence = licence_id(publication.licence)
    data = DatasetCardData(
        language=publication.languages or None,
        license=licence,
        license_name=(publication.licence or "not-stated") if licence == "other" else None,
        pretty_name=title,
        size_categories=[_size(sum(statistics.rows.values()))],
        tags=["neuroscribe", "interpretability", "neurons", "explanations"],
        # What is asked for most comes first: the viewer opens it.
        configs=[
            {
                "config_name": name,
                "data_files": pattern(name),
                **({"default": True} if name == _default(statistics) else {}),
            }
            for name in statistics.rows
        ],
    )
    return f"---\n{data.to_yaml()}\n---\n"


def _default(statistics: Statistics) -> str | None:
    """The table that is loaded where none is named."""
    return next((n for n in ("scores", "explanations", "units") if n in statistics.rows), None)


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "n>1B")


def _introduction(manifest: Mapping[str, Any], statistics: Statistics) -> str:
    units = sum(site.units for site in statistics.sites.values())
    explained = sum(site.explained for site in statistics.sites.values())
    tokens = manifest.get("recorded", {}).get("tokens")
    on = "" if tokens is None else f" on {tokens:,} tokens"
    subject, corpus = (text(manifest[part]["name"]) for part in ("subject", "corpus"))
    first = (
        f"{units:,} units of {subject}, recorded{on} of {corpus}; {explained:,} of them explained."
    )
    lines = [first]
    mocks = [llm for llm in statistics.llms if is_mock(llm)]
    if mocks:
        names = ", ".join(code(public(llm)) for llm in mocks)
        lines.append(
            f"> **Made with a mock LLM** ({names}): a program that explains by the commonest peak "
            "tokens and simulates by matching them. Its explanations and scores show what the "
            "exemplars hold, not what an LLM makes of them."
        )
    return "\n\n".join(lines) + "\n"


def _loading(publication: Publication, statistics: Statistics) -> str:
    place = publication.repository or "PATH"
    name = _default(statistics) or "units"
    url = f"hf://datasets/{place}" if publication.repository else place
    return (
        f'```python\nfrom datasets import load_dataset\n\nload_dataset("{place}", "{name}", '
        f'split="train")\n```\n\n```python\nimport neuroscribe as ns\n\n'
        f'ns.load("{url}", "{name}").to_pandas()\n```\n\n'
        "`train` is the only split that loaders see, and holds everything. The splits that were "
        "kept apart (train for explaining, calibration, valid for selection, test for reported "
        "scores) are named by the column `split`. The folder is itself a study: every command of "
        "Neuroscribe that reads one reads it.\n"
    )


def _tables(statistics: Statistics) -> str:
    rows = [
        (code(name), f"{count:,}", TABLES[name].capitalize())
        for name, count in statistics.rows.items()
    ]
    return table(("table", "rows", "one row is"), rows)


def _results(statistics: Statistics) -> Iterator[str]:
    yield "## Statistics\n"
    headline = statistics.headline
    if headline is not None:
        yield (
            f"`score` is {_kind(headline)}: the mean over explanations with a reliable value, "
            "beside the same with another unit's explanation (`random`) and predicted from the "
            "token look-up table without an LLM (`look-up`); `n` counts explanations.\n"
        )
    scored = [site.headline for site in statistics.sites.values()]
    yield table(
        ("site", "units", "explained", "median density", "score", "random", "look-up", "n"),
        [
            (
                code(name),
                f"{site.units:,}",
                f"{site.explained:,}",
                "" if site.density is None else f"{site.density:.3%}",
                *_numbers(mean),
            )
            for (name, site), mean in zip(statistics.sites.items(), scored, strict=True)
        ],
    )
    if statistics.scores:
        yield "All scores (unreliable: undefined, or under .9 of the items have a prediction):\n"
        yield table(
            ("score", "mean", "random", "look-up", "n", "chance", "unreliable"),
            [
                (
                    _kind(mean.kind),
                    *_numbers(mean),
                    _number(mean.chance),
                    f"{mean.unreliable:,}",
                )
                for mean in statistics.scores
            ],
        )


def _numbers(mean: MeanScore | None) -> tuple[str, ...]:
    if mean is None:
        return ("", "", "", "0")
    return (_number(mean.mean), _number(mean.random), _number(mean.lookup), f"{mean.n:,}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _kind(kind: Mapping[str, str | None]) -> str:
    by = ", ".join(code(public(kind[name] or "")) for name in ("simulator", "llm") if kind[name])
    shown = f"{code(kind['metric'] or '')} of {code(kind['scorer'] or '')} on "
    return f"{shown}{code(kind['report_set'] or '')}" + (f" by {by}" if by else "")


def _provenance(manifest: Mapping[str, Any], statistics: Statistics) -> str:
    rows: list[tuple[str, str]] = []
    for part in ("subject", "corpus", "recorder", "recorded", "stored", "versions", "imported"):
        for name, value in (manifest.get(part) or {}).items():
            about = f"{part}, {name.replace('_', ' ')}"
            if isinstance(value, str | int | float | bool):
                rows.append((about, code(str(value))))
            elif name == "sites":
                sites = (f"{site['name']} ({site['width']:,} units)" for site in value)
                rows.append((about, code(", ".join(sites))))
    for (explainer, llm), count in sorted(statistics.explainers.items()):
        by = f"{code(explainer)} by {code(public(llm))}"
        rows.append(("explanations", f"{count:,} by explainer {by}"))
    if statistics.cost_usd is not None:
        rows.append(("cost of the explanations", f"{statistics.cost_usd:,.2f} USD"))
    return table(("what", "value"), [(text(name), value) for name, value in rows])


def _columns(statistics: Statistics) -> Iterator[str]:
    for name in statistics.rows:
        yield f"### `{name}`\n"
        if name in IDENTITY:
            yield f"One row per {', '.join(f'`{column}`' for column in IDENTITY[name])}.\n"
        yield table(
            ("column", "type", "meaning"),
            [
                (
                    f"`{column}`",
                    f"`{kind}{'?' if SCHEMAS[name].field(column).nullable else ''}`",
                    text(meaning),
                )
                for column, kind, meaning in describe(name)
            ],
        )


def _licence(manifest: Mapping[str, Any], publication: Publication) -> str:
    own = publication.licence
    stated = (
        f"This dataset is published under {code(own)}."
        if own
        else "No licence was stated for this dataset."
    )
    corpus = manifest["corpus"].get("licence")
    of_corpus = (
        f"Its texts come from the corpus {code(manifest['corpus']['name'])}, whose licence is "
        + (code(str(corpus)) if corpus else "not known here")
    )
    return f"{stated} {of_corpus}. The subject's own licence applies to the model, not to this.\n"
