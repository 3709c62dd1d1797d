"""How long the site takes to build, how large it is, and how soon a unit shows in the browser.

`python benchmarks/site.py [--sites 4 --units 25600] [--sequences 50000] [--processes 2]
[--study DIR] [--no-browser]`. Writes `benchmarks/results/site.json`. GPT-2 XL is `--sites 48
--units 307200`; it needs 20 GB of disk and, for its study, ten minutes more.

How it is measured. A synthetic study (`synthetic_study.py`) is built into a site by so many
processes; times are wall times, and the processors' beside them, which say what an idle machine
would take. The reference is one gzipped JSON file for each unit with the content of its page, as
viewers of this field lay it out: its bytes and the time to encode and write it are measured on a
sample of the same units in the same run. In the browser (Chromium by Playwright, if both are there)
a fresh context opens a unit's address; the time runs to the first token that shows.
"""

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from reporting import processor, provenance, store
from synthetic_study import write_synthetic_study

from neuroscribe.viewer import SiteBuilt, build_site
from neuroscribe.viewer.serve import open_server
from neuroscribe.viewer.twin import unit_twin

SAMPLE = 256
"""Units that are written as files of their own, for the reference."""
OPENINGS = 7
"""Units that are opened in the browser; the first and the median are given."""


def main() -> None:
    """Build, measure, print and store."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        study = arguments.study or Path(folder) / "study"
        if arguments.study is None:
            write_synthetic_study(
                study,
                sites=arguments.sites,
                units_per_site=arguments.units // arguments.sites,
                sequences=arguments.sequences,
            )
        out = Path(folder) / "site"
        used = _processor_seconds()
        built = build_site(study, out, processes=arguments.processes, weights=False)
        result = {
            **provenance(),
            "processor": processor(arguments.processes),
            "units": built.units,
            "build": _build(built, _processor_seconds() - used),
            "bytes_per_1000_units": _bytes(out, built.units),
            "one_file_per_unit": _one_file_per_unit(out, Path(folder) / "files", built.units),
        }
        if not arguments.no_browser:
            result["browser"] = _browser(out)
    print(json.dumps(result, indent=2))
    print(f"wrote {store('site', result)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=25_600)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--sequences", type=int, default=50_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--study", type=Path, help="a study that is there, instead of a new one")
    parser.add_argument("--scratch", type=Path, help="a folder with room for study and site")
    parser.add_argument("--no-browser", action="store_true")
    return parser.parse_args()


def _processor_seconds() -> float:
    """Of this process and those it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _build(built: SiteBuilt, processor_seconds: float) -> dict[str, Any]:
    thousands = built.units / 1000
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(built.seconds, 1),
        "seconds_per_1000_units": round(built.seconds / thousands, 3),
        "processor_seconds": round(processor_seconds, 1),
        "files": built.files,
        "peak_memory_mb": round(own / 1024),
    }


def _bytes(site: Path, units: int) -> dict[str, int]:
    """Of each kind of file."""
    kinds = {path.name.partition(".")[0]: path for path in (site / "data").iterdir()}
    sizes = {name: _size(path) for name, path in sorted(kinds.items())}
    besides = sum(size for name, size in sizes.items() if name != "exemplars")
    return {
        **{name: round(size / units * 1000) for name, size in sizes.items()},
        "all_besides_exemplars": round(besides / units * 1000),
    }


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


def _one_file_per_unit(site: Path, folder: Path, units: int) -> dict[str, Any]:
    names = _some_units(site, SAMPLE)
    twins = [unit_twin(site, name) for name in names]
    folder.mkdir()
    started = time.process_time()
    plain = 0
    for number, twin in enumerate(twins):
        data = json.dumps(twin, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        plain += len(data)
        (folder / f"{number}.json.gz").write_bytes(gzip.compress(data, mtime=0))
    seconds = time.process_time() - started
    packed = _size(folder)
    shutil.rmtree(folder)
    return {
        "files": units,
        "gzip_bytes_per_1000_units": round(packed / len(names) * 1000),
        "plain_bytes_per_1000_units": round(plain / len(names) * 1000),
        "processor_seconds_to_encode_per_1000_units": round(seconds / len(names) * 1000, 2),
        "site_bytes_ratio": round(_size(site) / units / (packed / len(names)), 3),
    }


def _some_units(site: Path, count: int) -> list[str]:
    index = json.loads((site / "data" / "site.json").read_text(encoding="utf-8"))
    draw = random.Random(0)  # noqa: S311 -- which units are measured
    sites = [draw.choice(index["sites"]) for _ in range(count)]
    return [f"{each['name']}/{draw.randrange(each['count'])}" for each in sites]


def _browser(site: Path) -> dict[str, Any]:
    """Seconds from asking for a unit's address to its first token, without any cache."""
    if not (site / "index.html").exists():
        return {"reason": "the front end was not built"}
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415
    except ImportError:
        return {"reason": "playwright is not installed"}
    executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    server = open_server(site, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for name in _some_units(site, OPENINGS):
            context = browser.new_context()
            page = context.new_page()
            started = time.monotonic()
            page.goto(f"http://127.0.0.1:{server.server_port}/#/{name}")
            page.wait_for_selector(".token")
            seconds.append(time.monotonic() - started)
            context.close()
        browser.close()
    server.shutdown()
    server.server_close()
    return {
        "first_unit_seconds": round(seconds[0], 3),
        "median_seconds": round(statistics.median(seconds), 3),
        "openings": len(seconds),
    }


if __name__ == "__main__":
    main()
