"""The description for machines is valid, and their own reader reads the tables by it."""

import json
import logging

import pytest

from neuroscribe.datasets.card.croissant import NAME, croissant
from neuroscribe.datasets.card.publication import Publication
from neuroscribe.datasets.schema import SCHEMAS
from tests.datasets.stated_rows import explained_study

STATED = Publication(licence="cc-by-4.0", repository="me/units", author="Ada L. and Bo M.")


def test_every_column_is_described(tmp_path):
    content = json.loads(croissant(explained_study(tmp_path)))
    for records in content["recordSet"]:
        schema = SCHEMAS[records["name"]]
        assert [field["name"] for field in records["field"]] == schema.names
        for field in records["field"]:
            described = schema.field(field["name"]).metadata[b"description"].decode()
            assert field["description"] == described
    assert {records["name"] for records in content["recordSet"]} == set(SCHEMAS)


def test_what_was_not_stated_is_not_there(tmp_path):
    content = json.loads(croissant(explained_study(tmp_path)))
    assert not {"license", "creator", "url", "inLanguage", "datePublished"} & set(content)
    stated = json.loads(croissant(tmp_path, STATED))
    assert stated["license"] == "https://spdx.org/licenses/CC-BY-4.0"
    assert [creator["name"] for creator in stated["creator"]] == ["Ada L.", "Bo M."]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("publication", [Publication(), STATED])
def test_the_reader_of_its_makers_finds_no_error_and_reads_the_rows(tmp_path, publication):
    mlcroissant = pytest.importorskip("mlcroissant")
    logging.getLogger("absl").setLevel(logging.ERROR)
    explained_study(tmp_path)
    (tmp_path / NAME).write_text(croissant(tmp_path, publication), encoding="utf-8")
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / NAME))
    assert not dataset.metadata.ctx.issues.errors
    units = list(dataset.records("units"))
    assert [unit["units/density"] for unit in units] == [1 / 8, 2 / 8, 3 / 8, 1 / 8, 2 / 8]
    assert units[3]["units/site"] == b"module:h.1.act:in"
    (simulation,) = dataset.records("simulations")
    assert list(simulation["simulations/expected"]) == [0.5]
    for table in set(SCHEMAS) - {"units", "simulations"}:
        assert list(dataset.records(table)), table
