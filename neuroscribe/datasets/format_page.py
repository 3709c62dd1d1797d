"""The page `docs/format.md`, generated from the schema so that it cannot lag behind it.

`python -m neuroscribe.datasets.format_page > docs/format.md`; a test compares the two.
"""

from neuroscribe.datasets.schema import FORMAT_VERSION, IDENTITY, SCHEMAS, describe

_INTRODUCTION = f"""\
# The format of a study

Format version {FORMAT_VERSION}. This page is generated from `neuroscribe/datasets/schema.py`.

A study is a directory: the working state, the dataset that is published, and the source of every
view are the same files.

```
STUDY/
  README.md        the card that is published with it
  manifest.json    versions; subject (name, revision, weights, dtype, sites); corpus; settings
  sequences/       Parquet parts (zstd)
  units/SITE/      Parquet parts, one folder per site; likewise
  exemplars/SITE/  explanations/SITE/  lessons/SITE/  scores/SITE/
  simulations/  judgements/
  journal.sqlite   every LLM request and answer; private, never published
```

- A reader MUST refuse a `format_version` that is newer than it knows.
- A writer MUST write a part under another name, flush it and rename it; a part that is there MUST
  NOT be changed. A part's name is a hash of its content.
- Names of sites are percent-encoded where they name a folder. The column `site` holds the name.
- Files whose names begin with `.tmp-` are leftovers of a killed writer, and files that end in
  `.compacted` wait to replace parts; a reader MUST ignore both, but for what follows.
- In a folder that holds `_compaction.json`, the parts under its `replaced` MUST NOT be read, and
  those under `parts` MUST be: as `_NAME.compacted` where that is there, else as `NAME`. A reader
  that finds a listed part gone MUST list again.
- A missing value is null, never 0 or NaN. A null `value` or `text` has its `reason` beside it.
- A failed item that was repaired later has two rows. Rows are about the same thing if they agree in
  the columns listed under "one row per"; the better outcome counts: by `status` (ok, refused,
  unparsed, skipped, failed), for explanations then the later `created_at` and `rated_at`; scores by
  the smaller `n_failed`, then the larger `coverage`; lessons by the longer `sequence_ids`.
- Of the explanations of one unit by one explainer, selection of exemplars, form and LLM, one is
  selected: the `ok` one with the best `selection_score` of whoever rated last (`rated_by`),
  whatever older rows say.
- A reader MUST take a column that an older study lacks as null.
- A byte fragment of a character is shown in `tokens` as its bytes in hexadecimal between ⟨ and ⟩,
  and is kept exactly by `token_ids` and `token_bytes_offsets`.
"""


def format_page() -> str:
    """The whole page, as Markdown."""
    parts = [_INTRODUCTION]
    for table in SCHEMAS:
        parts.append(f"\n## `{table}`\n")
        if table in IDENTITY:
            columns = ", ".join(f"`{name}`" for name in IDENTITY[table])
            parts.append(f"One row per {columns}.\n")
        parts.append("| column | type | meaning |\n|---|---|---|")
        for name, kind, description in describe(table):
            nullable = "" if not SCHEMAS[table].field(name).nullable else "?"
            readable = kind.replace("list<element: ", "list<").replace("list<item: ", "list<")
            parts.append(f"| `{name}` | {readable}{nullable} | {description} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(format_page(), end="")  # noqa: T201 -- the page is this module's output
