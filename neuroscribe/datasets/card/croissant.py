"""`croissant.json`: the dataset described for machines, in the MLCommons vocabulary, version 1.1.

One set of files and one set of records per table, with a description per column. The files are
named relative to this one, so the description serves a folder on a disk as well as a repository.
Foreign keys stand in the descriptions only: `references` would make readers join whole tables.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from neuroscribe.datasets.card.card_statistics import statistics_of
from neuroscribe.datasets.card.dataset_card import citation, title_of
from neuroscribe.datasets.card.public import public_manifest
from neuroscribe.datasets.card.publication import LICENCES, Publication
from neuroscribe.datasets.card.published_tables import TABLES, pattern
from neuroscribe.datasets.manifest import read_manifest
from neuroscribe.datasets.schema import SCHEMAS

NAME: Final = "croissant.json"
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES: Final = {
    "string": "sc:Text",
    # There is no type for bytes.
    "binary": "sc:Text",
    "bool": "sc:Boolean",
    "int8": "cr:Int8",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float": "cr:Float32",
    "double": "cr:Float64",
    "timestamp[us, tz=UTC]": "sc:DateTime",
}


def croissant(root: str | Path, publication: Publication | None = None) -> str:
    """The description of a study's tables, as JSON-LD.

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
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": title,
        "description": (
            f"Units of the neural network {manifest['subject']['name']}, recorded on the corpus "
            f"{manifest['corpus']['name']}, with explanations of what they fire on and scores of "
            "the explanations."
        ),
        "version": "1.0.0",
        "keywords": ["interpretability", "neurons", "explanations"],
        "citeAs": citation(title, publication, statistics),
        **_stated(publication),
        "distribution": [_files(name) for name in statistics.rows],
        "recordSet": [_records(name) for name in statistics.rows],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _stated(publication: Publication) -> Mapping[str, Any]:
    licence = publication.licence
    creators = [{"@type": "sc:Person", "name": name} for name in _authors(publication.author)]
    stated = {
        "license": LICENCES.get(licence.lower(), licence),
        "creator": creators,
        "url": publication.url,
        "inLanguage": publication.languages,
    }
    return {name: value for name, value in stated.items() if value}


def _authors(author: str) -> Iterable[str]:
    return (name.strip() for name in author.split(" and ") if name.strip())


def _files(table: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{table}-files",
        "name": f"{table}-files",
        "description": f"Files of the table {table}.",
        "encodingFormat": "application/x-parquet",
        "includes": pattern(table),
    }


def _records(table: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": f"{TABLES[table].capitalize()}.",
        "field": [_field(table, field) for field in SCHEMAS[table]],
    }


def _field(table: str, field: pa.Field) -> dict[str, Any]:
    is_list = pa.types.is_list(field.type)
    described = {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "description": field.metadata[b"description"].decode(),
        "dataType": _TYPES[str(field.type.value_type if is_list else field.type)],
        "source": {"fileSet": {"@id": f"{table}-files"}, "extract": {"column": field.name}},
    }
    return described | ({"isArray": True, "arrayShape": "-1"} if is_list else {})
