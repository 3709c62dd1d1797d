"""Explanations that people wrote enter a study through a CSV file."""

import shutil

import pyarrow as pa
import pytest

from neuroscribe.datasets import store
from neuroscribe.errors import InputError, StudyError
from neuroscribe.records import UnitId
from neuroscribe.study import Study
from tests.datasets.small_study import weather_study


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    return weather_study(tmp_path_factory.mktemp("weather") / "study")


@pytest.fixture
def study(weather, tmp_path):
    return shutil.copytree(weather, tmp_path / "study")


@pytest.fixture
def add(study, tmp_path):
    """Import a file with this content."""

    def run(content: str | bytes, **options):
        file = tmp_path / "people.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Study.import_from(file, study, format="csv", **options)

    return run


def explanations(study):
    rows = store.load(study, "explanations").to_pylist()
    return {(row["site"], row["unit"], row["polarity"], row["text"]): row for row in rows}


def test_a_unit_and_a_text_make_an_explanation_by_a_person(study, add):
    transfer = add("unit,text\nmlp.0/0,words for rain\n")
    assert transfer.written == {"explanations": 1, "scores": 0}
    (found,) = Study.open(study).unit("mlp.0/0").explanations
    assert found.text == "words for rain"
    assert (found.explainer, found.llm, found.status, found.selected) == (
        "human",
        "none",
        "ok",
        True,
    )
    assert (found.candidate, found.cost_usd, found.prompt_sha256) == (0, None, "")


def test_the_columns_may_come_in_any_order_and_with_any_case(study, add):
    add("Polarity, TEXT ,Site,unit\n1,rain,mlp.0,0\n-1,no rain,mlp.0,0\n,snow,mlp.0,1\n")
    assert set(explanations(study)) == {
        ("mlp.0", 0, 1, "rain"),
        ("mlp.0", 0, -1, "no rain"),
        ("mlp.0", 1, 1, "snow"),
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_spreadsheets_are_read(study, add, encoding):
    content = 'unit;text\r\nmlp.0/0;"Regen; ""Schnee""\r\nund K\u00e4lte"\r\n'
    add(content.encode(encoding), delimiter=";")
    assert [key[3] for key in explanations(study)] == ['Regen; "Schnee"\r\nund K\u00e4lte']


def test_a_second_import_adds_nothing(study, add):
    content = "unit,text\nmlp.0/0,rain\nmlp.0/1,snow\n"
    add(content)
    parts = sorted(study.rglob("*.parquet"))
    again = add(content)
    assert again.written == {"explanations": 0, "scores": 0}
    assert again.left_out == ("2 explanations that the study has already",)
    assert sorted(study.rglob("*.parquet")) == parts


def test_each_author_has_an_explanation_that_is_scored(study, add):
    add("unit,text,author\nmlp.0/0,rain,Ada\nmlp.0/0,wet,Bob\nmlp.0/0,water,\n")
    found = Study.open(study).unit("mlp.0/0").explanations
    assert {(each.explainer, each.text, each.selected) for each in found} == {
        ("human:Ada", "rain", True),
        ("human:Bob", "wet", True),
        ("human", "water", True),
    }


def test_more_texts_by_one_author_are_candidates(study, add):
    add("unit,text\nmlp.0/0,rain\n")
    transfer = add("unit,text\nmlp.0/0,drizzle\n")
    found = Study.open(study).unit("mlp.0/0").explanations
    assert [(each.text, each.candidate, each.selected) for each in found] == [
        ("rain", 0, True),
        ("drizzle", 1, False),
    ]
    assert "1 texts became further candidates" in str(transfer)


def test_other_columns_are_named(add):
    transfer = add("unit,text,confidence\nmlp.0/0,rain,high\n")
    assert transfer.left_out == ("the columns confidence",)


def test_what_people_wrote_is_scored_like_any_other(study, add):
    add("unit,text\nmlp.0/0,rain\nmlp.0/1,snow\nmlp.1/0,wind\n")
    outcome = Study.open(study).score("simulation", llm="mock")
    assert outcome.counts == {"ok": 3}
    scores = Study.open(study).unit(UnitId("mlp.0", 0)).scores
    (pearson,) = [
        row for row in scores if (row["metric"], row["report_set"]) == ("pearson", "top_and_random")
    ]
    assert pearson["value"] > 0.9
    assert pearson["baseline_random_explanation"] is not None
    assert Study.open(study).score("simulation", llm="mock").counts == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "unit,text\nmlp.0/0,rain\nmlp.7/1,x\n",
            "line 3: there is no unit mlp.7/1; the study has the sites mlp.0, mlp.1; nothing was",
        ),
        (
            'unit,text\nmlp.0/0,"rain\nand\nmore"\nmlp.0/9,x\n',
            "line 5: there is no unit mlp.0/9; of mlp.0 the study has 4 units, 0 to 2",
        ),
        ("unit,text\nmlp.0/0,rain\nneuron five,x\n", "line 3: not a unit: 'neuron five'"),
        ("unit,text\nmlp.0/0,rain\nmlp.0/1,  \n", "line 3: the text for mlp.0/1 is empty"),
        ("unit,text\nmlp.0/0,rain\nmlp.0/1,snow,ice\n", "line 3: 3 cells for 2 columns"),
        ('unit,text\nmlp.0/0,rain\nmlp.0/1,"snow\n', "line 3: unexpected end of data"),
        ("site,unit,text\nmlp.0,0,rain\nmlp.0,one,x\n", "line 3: unit 'one' and polarity '1'"),
        ("text\nrain\n", "names no column unit; it has text"),
        ("unit;text\nmlp.0/0;rain\n", "set delimiter for another"),
        ("unit,text,text\nmlp.0/0,a,b\n", "two columns 'text'"),
        ("", "it has nothing"),
        (b"unit,text\nmlp.0/0,K\xe4lte\n", "is not in UTF-8"),
        ("unit,text,explanation_id\nmlp.0/0,x,abc\n", "line 2: status '': |explainer is missing"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_added(study, add, content, message):
    before = sorted(study.rglob("*"))
    with pytest.raises(InputError, match=message):
        add(content)
    assert sorted(study.rglob("*")) == before


def test_a_file_or_study_that_is_not_there_is_named(study, tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent\.csv"):
        Study.import_from(tmp_path / "absent.csv", study, format="csv")
    with pytest.raises(StudyError, match="is not a study"):
        Study.import_from(tmp_path / "absent.csv", tmp_path / "nothing", format="csv")
    file = tmp_path / "people.csv"
    file.write_text("unit,text\n")
    with pytest.raises(InputError, match="'::' is no delimiter"):
        Study.import_from(file, study, format="csv", delimiter="::")


def test_an_explanation_that_was_changed_in_the_file_is_refused(study, add):
    add("unit,text\nmlp.0/0,rain\n")
    (row,) = explanations(study).values()
    content = f"unit,text,explanation_id\nmlp.0/0,drizzle,{row['explanation_id']}\n"
    with pytest.raises(InputError, match=r"line 2: explanation .* has another text or unit"):
        add(content)


def test_a_table_of_explanations_keeps_its_schema(study, add):
    add("unit,text\nmlp.0/0,rain\n")
    table = store.read(study, "explanations")
    assert table.schema.field("created_at").type == pa.timestamp("us", tz="UTC")
