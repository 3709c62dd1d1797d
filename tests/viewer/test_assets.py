"""The built front end in the package is the one that its sources give, and keeps its promises."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"
ASSETS = ROOT / "neuroscribe" / "viewer" / "assets"
SOURCES = (
    "src",
    "tests",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "build.mjs",
)
OUTPUTS = ("index.html", "app.js", "app.css", "THIRD_PARTY_LICENSES.txt")
BUNDLED = ("d3-selection", "d3-zoom", "kdbush", "preact", "uplot")


@pytest.fixture(scope="module")
def recorded() -> dict[str, str]:
    lines = (ASSETS / "SOURCE.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_the_bundle_was_built_from_the_sources_as_they_are(recorded: dict[str, str]) -> None:
    digest = hashlib.sha256()
    for path in _files():
        content = (FRONTEND / path).read_bytes()
        digest.update(f"{path}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    assert recorded["frontend"] == digest.hexdigest(), (
        "frontend/ changed after it was last built: run `npm ci && npm run build` in frontend/"
    )


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_built_file_is_as_the_build_left_it(name: str, recorded: dict[str, str]) -> None:
    assert recorded[name] == hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()


def test_the_page_forbids_what_it_does_not_need() -> None:
    page = (ASSETS / "index.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src 'self'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "://" not in policy[1]
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.search(r"\son\w+=|\sstyle=", page) is None


def test_the_bundle_makes_no_code_from_text() -> None:
    script = (ASSETS / "app.js").read_text()
    assert re.search(r"\beval\(|new Function\(|document\.write", script) is None


def test_our_sources_never_take_data_for_markup() -> None:
    for path in (FRONTEND / "src").rglob("*.ts*"):
        text = path.read_text()
        assert re.search(r"innerHTML|outerHTML|insertAdjacentHTML", text) is None, path.name


def test_the_style_sheet_and_the_script_name_no_other_host() -> None:
    assert "url(" not in (ASSETS / "app.css").read_text()
    hosts = set(re.findall(r"https?://[\w.-]+", (ASSETS / "app.js").read_text()))
    assert hosts == {"http://www.w3.org"}, "names of XML namespaces are no requests"


def test_licences_of_bundled_libraries_lie_beside_the_bundle() -> None:
    text = (ASSETS / "THIRD_PARTY_LICENSES.txt").read_text()
    for name in BUNDLED:
        assert re.search(rf"^{name} \d+\.\d+\.\d+ \((MIT|ISC)\)$", text, re.MULTILINE), name


def test_the_lock_file_pins_every_package_by_hash() -> None:
    lock = (FRONTEND / "package-lock.json").read_text()
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')


def _files() -> list[str]:
    found = [
        path.relative_to(FRONTEND).as_posix()
        for source in SOURCES
        for path in _below(FRONTEND / source)
    ]
    return sorted(found)


def _below(path: Path) -> list[Path]:
    return [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
