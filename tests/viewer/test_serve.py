"""`neuroscribe view`: files, the JSON twin, nothing outside the site, no needless build."""

import gzip
import http.client
import json
import signal
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from neuroscribe.cli import main
from neuroscribe.errors import InputError
from neuroscribe.viewer import build_site
from neuroscribe.viewer.serve import open_server, prepared
from neuroscribe.viewer.twin import unit_twin
from tests.viewer import conftest as made


@pytest.fixture
def site(study, tmp_path):
    build_site(study, tmp_path / "site", map=False, weights=False)
    (tmp_path / "site" / "index.html").write_text("<!doctype html>shell")
    (tmp_path / "secret.json").write_text('"secret"')
    return tmp_path / "site"


@pytest.fixture
def ask(site):
    """Ask a running server for a path."""
    server = open_server(site, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def get(path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers["Content-Type"], body

    yield get
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_shell_and_the_blocks_are_served_as_they_are(ask, site):
    assert ask("/") == (200, "text/html; charset=utf-8", b"<!doctype html>shell")
    status, kind, body = ask("/data/units/0/0.json.gz")
    assert (status, kind) == (200, "application/gzip")
    assert body == (site / "data/units/0/0.json.gz").read_bytes()
    assert json.loads(gzip.decompress(body))["units"][0]["unit"] == "mlp.0/0"
    assert ask("/data/site.json")[:2] == (200, "application/json")


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/mlp.0/2.json", "mlp.0/2"),
        ("/mlp.1/39.json?x=1", "mlp.1/39"),
        ("/module:transformer.h.5.mlp.act/7-.json", f"{made.ODD}/7-"),
        ("/module%3Atransformer.h.5.mlp.act/700.json", f"{made.ODD}/700"),
    ],
)
def test_a_unit_is_there_as_json(ask, site, path, unit):
    status, kind, body = ask(path)
    assert (status, kind) == (200, "application/json")
    twin = json.loads(body)
    assert twin == json.loads(json.dumps(unit_twin(site, unit)))
    assert (twin["unit"], twin["exemplars"]["unit"]) == (unit, unit)
    used = {item["s"] for group in twin["exemplars"]["groups"] for item in group["items"]}
    assert used <= twin["sequences"].keys()


@pytest.mark.parametrize(
    "path",
    [
        "/mlp.0/6.json",
        "/mlp.0/2-.json",
        "/mlp.9/1.json",
        "/data/",
        "/data/units/0/9.json.gz",
        "/../secret.json",
        "/%2e%2e/secret.json",
        "/..%2fsecret.json",
        "/data/%2e%2e/%2e%2e/secret.json",
        "/..%5csecret.json",
        "//secret.json",
    ],
)
def test_what_the_site_does_not_hold_is_not_found(ask, path):
    status, _, body = ask(path)
    assert status == 404
    assert b'"secret"' not in body


def test_a_page_that_points_its_own_name_here_reads_nothing(ask):
    assert ask("/data/site.json", Host="evil.example:80")[0] == 403
    assert ask("/data/site.json", Host="localhost:1234")[0] == 200


def test_a_folder_that_is_no_site_and_a_taken_port_are_refused(site, tmp_path):
    with pytest.raises(InputError, match="is not a site"):
        open_server(tmp_path, 0)
    with open_server(site, 0) as server, pytest.raises(InputError, match="cannot be used"):
        open_server(site, server.server_port)


def test_a_site_is_built_again_only_when_its_study_has_changed(study, tmp_path):
    out = tmp_path / "kept"
    settings = {"map": False, "weights": False}
    assert prepared(study, out, **settings)[1] is not None
    assert prepared(study, out, **settings) == (out, None)
    assert prepared(study, out, **settings, title="another")[1] is not None
    newer = made.explanation(("mlp.0", 1, 1), 7, day=3)
    made.write(study, "explanations", [newer], "mlp.0")
    assert prepared(study, out, **settings, title="another")[1] is not None
    assert prepared(out, None) == (out, None)


def test_the_command_builds_a_site_and_says_what_to_do_next(study, tmp_path):
    out = tmp_path / "built"
    wanted = ["--title", "T", "--units", "mlp.1[:3]", "--no-map", "--no-weights"]
    result = CliRunner().invoke(main, ["site", str(study), str(out), *wanted, "--processes", "1"])
    assert result.exit_code == 0, result.output
    assert "wrote 3 units in " in result.output
    assert f"neuroscribe view {out}" in result.output
    again = CliRunner().invoke(main, ["site", str(study), str(study)])
    assert again.exit_code == 2
    assert "is not a site" in again.output


@pytest.mark.slow
def test_the_view_is_ended_by_an_interruption_with_0(site):
    command = [sys.executable, "-m", "neuroscribe", "view", str(site), "--no-open"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped" in said


def test_building_without_map_and_weights_loads_no_torch(study, tmp_path):
    code = (
        "import sys; from neuroscribe.viewer import build_site\n"
        f"build_site({str(study)!r}, {str(tmp_path / 'out')!r}, embedder='words', weights=False)\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
