"""What benchmarks/dataset.py measures, on a small study."""

import dataset
import dataset_reading
import numpy as np
import pyarrow as pa
import pytest
from synthetic_study import write_synthetic_study

from neuroscribe.datasets.store import read


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("benchmark") / "study"
    write_synthetic_study(root, sites=2, units_per_site=60, sequences=300)
    return root


def test_a_unit_opens_in_fewer_than_twelve_requests(study, monkeypatch):
    monkeypatch.setattr(dataset_reading, "TIMES", 2)
    found = dataset_reading.opening(study, 2, 60)
    assert found["range_requests"] < 12
    assert found["cold_ms"] > 0


def test_rounded_activations_take_the_fewest_bytes_of_what_reads_everywhere(study):
    exemplars = dataset.a_hundred_each(read(study, "exemplars", site="mlp.0"))
    assert exemplars.num_rows == 60 * 100
    values = exemplars["activations"].combine_chunks()
    noise = np.random.default_rng(0).uniform(1, 1.0004, len(values.values)).astype(np.float32)
    exact = pa.ListArray.from_arrays(values.offsets, values.values.to_numpy() * noise)
    place = exemplars.schema.get_field_index("activations")
    exemplars = exemplars.set_column(place, exemplars.schema.field(place), exact)
    sizes = {row["variant"]: row["bytes_an_exemplar"] for row in dataset.variants(exemplars)}
    assert sizes["as written"] < sizes["11 bits, plain"] < sizes["exact float32, plain"]
    assert sizes["as written"] < sizes["exact float32"]


def test_json_holds_the_same_exemplars_in_many_times_the_bytes(study, tmp_path):
    exemplars = dataset.a_hundred_each(read(study, "exemplars", site="mlp.0"))
    found = dataset.json_files(tmp_path / "json", exemplars, study)
    assert found["exemplars"] == exemplars.num_rows
    assert found["bytes_an_exemplar"] > found["bytes_an_exemplar_gzip"] > 300


def test_drawn_units_are_written_with_all_their_rows(study, tmp_path):
    exemplars = dataset.a_hundred_each(read(study, "exemplars", site="mlp.0"))
    found = dataset.resampled(tmp_path / "exemplars", exemplars, 150)
    assert (found["units"], found["rows"]) == (150, 150 * 100)


def test_rounding_to_twelve_bits_keeps_one_more(study):
    rows = read(study, "exemplars", site="mlp.0").slice(0, 5)
    column = pa.array([[1 + 2.0**-11, 1 + 2.0**-13, -3.0, 0.0]] * 5, pa.list_(pa.float32()))
    rows = rows.set_column(rows.schema.get_field_index("activations"), "activations", column)
    assert dataset._rounded_to(rows, 12)["activations"].to_pylist()[0] == [1 + 2.0**-11, 1, -3, 0]
